"""Statistics on numbers and tensors; none of them knows a model."""
