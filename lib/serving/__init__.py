"""The guarded SQL endpoint."""
