"""Where each value came from: the command line, the environment, the settings file, a default."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from clipguard.config import settings
from clipguard.config.policy import Ignore
from clipguard.core.errors import ClipguardError, ConfigError, UsageError
from clipguard.core.text import printable

_FOUND, _NAMED, _BROKEN = "settings", "settings_named", "settings_error"
_RANK = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.DEFAULT,
)


def load_settings(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    """Let the settings file supply what the command line and the environment leave open.

    It runs before the other options are looked at. An error is kept for :func:`check`, so that a
    command whose answer is JSON can also answer with it.
    """
    shared = ctx.ensure_object(dict)
    path = value or settings.find(Path.cwd())
    if path is None:
        return
    try:
        found = settings.read(path)
    except ClipguardError as error:
        shared[_BROKEN] = error
        return
    shared[_FOUND], shared[_NAMED] = found, value is not None
    ctx.default_map = dict(found.values.get(ctx.info_name or "", {}))


def check(ctx: click.Context, model: Path) -> None:
    """Make sure that settings were read, and that they are not the model's own.

    Raises:
        ConfigError: the settings file is wrong, or was found inside the model's folder.
    """
    shared = ctx.ensure_object(dict)
    if _BROKEN in shared:
        raise shared[_BROKEN]
    found = shared.get(_FOUND)
    if found is None or shared[_NAMED] or not model.is_dir():
        return
    if model.resolve() in found.path.resolve().parents:
        raise ConfigError(
            "config.in_model",
            "the settings file lies inside the model's folder",
            where=str(found.path),
            remedy="work in another folder, or name the file with --config",
        )


def file_in_force(ctx: click.Context) -> str | None:
    """The name of the settings file that was read; None: there is none."""
    found = ctx.ensure_object(dict).get(_FOUND)
    return None if found is None else printable(str(found.path.name))


def ignores(ctx: click.Context) -> tuple[Ignore, ...]:
    """What the settings file accepts of certain models."""
    found = ctx.ensure_object(dict).get(_FOUND)
    return () if found is None else found.ignores


def origin(ctx: click.Context, name: str) -> str:
    """The origin of an option's value, for the record."""
    source = ctx.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    if source is ParameterSource.ENVIRONMENT:
        return "environment"
    if source is ParameterSource.DEFAULT_MAP:
        return str(ctx.ensure_object(dict)[_FOUND].path.name)
    return "default"


def stronger(ctx: click.Context, first: str, second: str) -> str:
    """Which of two options that exclude each other holds: the one given closer to the command.

    Raises:
        UsageError: both were given in the same place.
    """
    ranks = [_RANK.index(_source(ctx, name)) for name in (first, second)]
    if ranks[0] == ranks[1]:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in (first, second))
        raise UsageError(
            "usage.contradiction",
            f"{options} exclude each other",
            where=ctx.command_path,
            remedy="give one of them",
        )
    return first if ranks[0] < ranks[1] else second


def _source(ctx: click.Context, name: str) -> ParameterSource:
    return ctx.get_parameter_source(name) or ParameterSource.DEFAULT
