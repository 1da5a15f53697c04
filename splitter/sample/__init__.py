"""An invented shop: its export, with planted defects, and a file that states these defects."""
