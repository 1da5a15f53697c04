"""What a table promises: contracts, what they cover, and the register of processing made from them."""
