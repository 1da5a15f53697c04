"""Whether tables are what their contracts promise."""
