"""Image-text pairs: drawn by clipguard itself or given by the user."""
