"""One question each, asked of a model through the seam."""
