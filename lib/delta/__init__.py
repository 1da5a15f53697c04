"""The stored tables of a lake, their pins, and the one module that writes them."""
