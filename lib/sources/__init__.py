"""From an export to rows of text, and to typed rows."""
