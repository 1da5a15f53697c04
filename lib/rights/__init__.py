"""The lists that every load respects: suppressed persons, restricted persons, corrected values."""
