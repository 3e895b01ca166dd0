"""clipguard: scan CLIP checkpoints for backdoors, clean them, and prove both."""

__version__ = "0.1.0"
