"""Each layer made from the one before it."""
