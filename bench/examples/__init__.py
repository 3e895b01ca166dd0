"""Example models with their cards."""
