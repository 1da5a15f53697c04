"""A person's rights, carried out and proved."""
