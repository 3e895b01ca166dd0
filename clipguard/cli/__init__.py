"""The command line. Its modules import click and ``core``; all else waits until a command runs."""

from clipguard.cli.border import main

__all__ = ["main"]
