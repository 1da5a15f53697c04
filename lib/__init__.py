"""How the lakehouse runs: an engine that reads contracts and knows nothing of shops."""
