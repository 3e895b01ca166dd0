"""Bytes from outside to tensors. The only room that reads weight files it did not write."""
