"""A run, from what is given to what is published."""
