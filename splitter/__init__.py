"""The Data Splitter: it splits one CSV into three disjoint parts and a manifest; and the generator of sample data."""
