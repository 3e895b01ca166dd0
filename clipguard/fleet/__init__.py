"""Many models, each in a process of its own: what to do, doing it, and one table of it all."""
