"""The content of the lakehouse: per table one data contract and, beside it, its transformation."""
