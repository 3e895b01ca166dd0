"""``clipguard init``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from clipguard.config.settings import FILE
from clipguard.core import atomic, resources
from clipguard.core.errors import InputError


@click.command("init")
def command() -> None:
    """Write a commented clipguard.toml.

    It goes to the working folder, where every key is explained and none is set yet. A file of that
    name is left alone.
    """
    target = Path(FILE)
    if os.path.lexists(target):
        raise InputError(
            "output.exists",
            "there is a settings file already",
            where=FILE,
            remedy="edit it, or work in another folder",
        )
    atomic.write_bytes(target, resources.templates().joinpath(FILE).read_bytes())
    click.echo(FILE)
