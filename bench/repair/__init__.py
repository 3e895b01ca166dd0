"""Cleaning, judged with the attacker's own trigger, which cleaning never sees, nor this package."""
