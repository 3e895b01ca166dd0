"""What people and machines read, rendered from a result alone. No torch is needed."""
