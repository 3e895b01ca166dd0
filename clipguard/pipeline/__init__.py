"""The order of steps and nothing else: read, probe, judge, clean, export, report."""
