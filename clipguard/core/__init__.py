"""What every room may use and what uses none: errors, results, seeds, progress, files."""
