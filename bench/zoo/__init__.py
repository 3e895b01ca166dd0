"""Tiny CLIP models, clean and backdoored, trained by a recipe that anyone can run again."""
