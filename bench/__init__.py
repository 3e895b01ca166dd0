"""Studies of accuracy and speed. Nothing in clipguard imports from here."""
