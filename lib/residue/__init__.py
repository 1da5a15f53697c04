"""The search for a person's values in every byte of a folder."""
