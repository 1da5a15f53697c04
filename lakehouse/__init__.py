"""What the lakehouse contains: per table one data contract and, beside it, its transformation."""
