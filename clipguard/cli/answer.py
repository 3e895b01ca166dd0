"""One way to answer for all commands whose answer is a result: JSON, summary, exit code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from clipguard.cli import console
from clipguard.cli.failures import BugError, explained
from clipguard.core import atomic
from clipguard.core.errors import ClipguardError, InputError, MachineError
from clipguard.core.progress import Progress
from clipguard.core.results import Result
from clipguard.pipeline.requests import ModelRequest

Request = TypeVar("Request", bound=ModelRequest)
Write = Callable[[bytes], None]


def begin(ctx: click.Context) -> Progress:
    """Set up logging, and say where progress goes."""
    shared = ctx.ensure_object(dict)
    console.set_up_logging(verbose=console.VERBOSE in shared, debug=console.DEBUG in shared)
    return console.progress(is_quiet(ctx), command=ctx.info_name or "clipguard")


def give(
    ctx: click.Context,
    ask: Callable[[click.Context], Request],
    run: Callable[[Request, Progress], Result],
    write: Write | None,
) -> Result:
    """Run a command and write its JSON; a failure is answered with a result as well.

    Args:
        ctx: the command's context.
        ask: makes the request from the options.
        run: the pipeline's function.
        write: where the JSON goes; None: nowhere.

    Raises:
        ClipguardError: what the command failed with, after the JSON was written.
    """
    from clipguard.core import schema

    progress = begin(ctx)
    request: ModelRequest = ModelRequest(model="")
    try:
        asked = ask(ctx)
        request = asked
        _require_device(request.device)
        result = run(asked, progress)
    except Exception as error:
        told = explained(error)
        if write is not None and not told.code.startswith("output."):
            with suppress(ClipguardError):  # the first error is the one to tell
                write(schema.dumps(_failed(ctx.info_name or "", request, told)))
        if told is error:
            raise
        raise told from error
    if write is not None:
        write(schema.dumps(result))
    return result


def summarise(ctx: click.Context, result: Result) -> None:
    """The summary for people, on stderr."""
    if not is_quiet(ctx):
        from clipguard.report.text import render_text

        console.tell(render_text(result).rstrip("\n"))


def is_quiet(ctx: click.Context) -> bool:
    """Whether ``-q`` was given."""
    return console.QUIET in ctx.ensure_object(dict)


def require_place(path: Path) -> None:
    """Find out that a file cannot be written before the work is done, not afterwards.

    Raises:
        ClipguardError: a folder of that name exists, or the folder to write in does not.
    """
    if path.is_dir():
        raise InputError(
            "output.is_folder", "this is a folder", where=str(path), remedy="name a file"
        )
    if not path.absolute().parent.is_dir():
        raise MachineError(
            "output.no_folder",
            "the folder does not exist",
            where=str(path.parent),
            remedy="create it first",
        )


def to_file(path: Path) -> Write:
    """Write the JSON to a file, whole or not at all."""
    return lambda data: atomic.write_bytes(path, data)


def _require_device(device: str) -> None:
    if device != "cpu":  # which is always there, and saves importing torch to say so
        from clipguard.model.compat import require_device

        require_device(device)


def _failed(command: str, request: ModelRequest, error: ClipguardError) -> Result:
    from clipguard.pipeline import frame

    if isinstance(error, BugError):
        plain = ClipguardError(error.code, error.what, remedy=error.remedy)
        return replace(frame.failure(command, request, plain), exit_code=int(error.exit))
    return frame.failure(command, request, error)
