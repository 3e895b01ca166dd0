"""Settings and rules as data: where they are found, what they may hold, and what was wrong."""
