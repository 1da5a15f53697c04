"""What readers may see, and what a run leaves on record."""
