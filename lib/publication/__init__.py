"""The publication for readers, and the records of a run."""
