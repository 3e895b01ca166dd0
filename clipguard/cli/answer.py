"""One way to answer for all commands whose answer is a result: JSON, summary, exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from clipguard.cli import console, registries, reports, sources
from clipguard.cli.failures import BugError, explained
from clipguard.cli.reports import Report
from clipguard.core import atomic, ranks
from clipguard.core.errors import ClipguardError, InputError, MachineError
from clipguard.core.progress import Progress
from clipguard.core.results import Result
from clipguard.pairs.spec import expand, parse_files
from clipguard.pipeline.requests import ModelRequest
from clipguard.registry import resolved

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
    wanted: Sequence[Report] = (),
) -> Result:
    """Run a command and write its JSON; a failure is answered with a result as well.

    Args:
        ctx: the command's context.
        ask: makes the request from the options.
        run: the pipeline's function.
        write: where the JSON goes; None: nowhere.
        wanted: reports to write as well.

    Raises:
        ClipguardError: what the command failed with, after the JSON was written.
    """
    progress = begin(ctx)
    request: ModelRequest = ModelRequest(model="")
    try:
        asked = ask(ctx)
        request = asked
        if (name := sources.file_in_force(ctx)) is not None:
            progress.say(f"settings come from {name} where the command line leaves them open")
        _require_inputs(request)
        _require_device(request.device)
        with resolved(asked.model, online=asked.online, progress=progress) as found:
            request = asked = replace(asked, model=found.path, origin=found.origin)
            result = run(asked, progress)
    except Exception as error:
        told = explained(error)
        if not told.code.startswith("output."):
            with suppress(ClipguardError):  # the first error is the one to tell
                _deliver(ctx, _failed(ctx.info_name or "", request, told), write, wanted)
        if told is error:
            raise
        raise told from error
    _deliver(ctx, result, write, wanted)
    return result


def _deliver(
    ctx: click.Context, result: Result, write: Write | None, wanted: Sequence[Report]
) -> None:
    """JSON, reports, annotations where a runner of GitHub Actions listens, and a registry."""
    if not ranks.is_main():
        return
    if write is not None:
        from clipguard.core import schema

        write(schema.dumps(result))
    reports.write(result, wanted)
    if console.on_github():
        from clipguard.report.github import commands

        for line in commands(result):
            console.command(line)
    registries.log(ctx, result)


def summarise(ctx: click.Context, result: Result) -> None:
    """The summary for people, on stderr."""
    if not is_quiet(ctx):
        from clipguard.report.text import render_text

        console.tell(render_text(result).rstrip("\n"))


def is_quiet(ctx: click.Context) -> bool:
    """Whether ``-q`` was given, or another process speaks for this one."""
    return console.QUIET in ctx.ensure_object(dict) or not ranks.is_main()


def require_place(path: Path) -> None:
    """Find out that a file cannot be written before the work is done, not afterwards.

    Raises:
        ClipguardError: a folder of that name exists, or nothing can be written in its folder.
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
    if not os.access(path.absolute().parent, os.W_OK):
        raise MachineError(
            "output.read_only", "cannot write here", where=str(path), remedy="choose another -o"
        )


def require_places(ctx: click.Context, others: Sequence[Path], wanted: Sequence[Report]) -> None:
    """Find out before the work that reports cannot be written, or would hit another file.

    Raises:
        ClipguardError: as :func:`require_place` and :func:`require_apart` do.
    """
    for report in wanted:
        require_place(report.path)
    require_apart(ctx, [*others, *(report.path for report in wanted)])


def require_apart(ctx: click.Context, outputs: Sequence[Path]) -> None:
    """Refuse to write over what is read, or twice to one file.

    Raises:
        InputError: an output is one of the inputs, or another output.
    """
    given = [ctx.params[name] for name in ("model", "arch", "labels", "baseline")]
    data = ctx.params["data"]
    texts = [*([data] if isinstance(data, str) else data), *filter(None, [ctx.params.get("eval")])]
    pairs = (path for text in texts for path in expand(parse_files(text).where))
    require_untaken(outputs, [Path(value) for value in (*given, *pairs) if value])


def require_untaken(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """The same, where the inputs are known; raises as :func:`require_apart` does."""
    taken = list(inputs)
    for path in outputs:
        if any(_same(path, other) for other in taken):
            raise InputError(
                "output.same_file",
                "the output would overwrite another file of this command",
                where=str(path),
                remedy="choose another name",
            )
        taken.append(path)


def _same(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, by another name or through a link as well."""
    with suppress(OSError, ValueError):
        if first.samefile(second):
            return True
    return os.path.realpath(first) == os.path.realpath(second)


def to_file(path: Path) -> Write:
    """Write the JSON to a file, whole or not at all."""
    return lambda data: atomic.write_bytes(path, data)


def _require_inputs(request: ModelRequest) -> None:
    """A slip in a path is told before the model is read, which may take minutes."""
    for name, path in request.inputs():
        if not path.exists():
            raise InputError(
                "file.missing", "no such file", where=f"--{name} {path}", remedy="check the path"
            )


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
