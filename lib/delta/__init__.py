"""The stored tables of a lake, what is pinned of them, and the one module that writes them."""
