"""An invented shop: its export, with planted defects, and the ground truth of what is in it."""
