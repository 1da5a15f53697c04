"""The lists that every load respects: who is suppressed, restricted or corrected."""
