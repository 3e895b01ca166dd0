"""Where the process ends: every way out of a command gets its exit code here and nowhere else.

click's own main() is not used, because it ends with 1 on an interrupt, on a usage error and on a
broken pipe, and takes an EOFError for an interrupt; 1 means a verdict here, and only that.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn, TextIO

import click
from click.exceptions import NoArgsIsHelpError

from clipguard.cli import console
from clipguard.cli.failures import BugError, explained, line
from clipguard.cli.group import group
from clipguard.core import ranks
from clipguard.core.errors import MachineError
from clipguard.core.exits import Exit


class Terminated(BaseException):
    """SIGTERM arrived; it unwinds the stack as KeyboardInterrupt does, so that files are tidied."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing is raised.

    Args:
        argv: arguments after the program's name; default: those of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    shared: dict[str, object] = {}
    with warnings.catch_warnings(), _sigterm():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        try:
            code = _run(arguments, shared)
            sys.stdout.flush()
        except BrokenPipeError:
            code = int(Exit.PASS)
        except (KeyboardInterrupt, click.Abort):
            console.tell("clipguard: interrupted")
            code = int(Exit.INTERRUPTED)
        except Terminated:
            console.tell("clipguard: terminated")
            code = int(Exit.TERMINATED)
        except Exception as error:
            code = _report(error, debug=console.DEBUG in shared)
    _let_go_of_broken_pipes()
    return code


def _run(arguments: list[str], shared: dict[str, object]) -> int:
    """Parse and invoke; a command's return value is its exit code, None means 0."""
    try:
        with group.make_context("clipguard", arguments, obj=shared) as ctx:
            code = group.invoke(ctx)
    except click.exceptions.Exit as done:  # --help and --version
        code = done.exit_code
    return int(code or 0)


def _report(error: Exception, *, debug: bool) -> int:
    if isinstance(error, NoArgsIsHelpError):
        console.tell(error.format_message())
        return int(Exit.ERROR)
    told = explained(error)
    if debug:
        console.tell("".join(traceback.format_exception(error)).rstrip())
    if ranks.is_main() or isinstance(told, (BugError, MachineError)):
        console.tell(line(told))  # any other error meets all processes alike
    return int(told.exit)


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    """Turn the first SIGTERM into an exception; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated


def _let_go_of_broken_pipes() -> None:
    """Whatever a closed pipe did not take must not fail once more when the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            _flush(stream)


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
