"""The Data Splitter: one CSV in, three disjoint parts and a manifest out; and the generator of sample data."""
