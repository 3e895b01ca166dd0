"""Candidate triggers: what an attacker may have stamped on the pictures of poisoned pairs."""
