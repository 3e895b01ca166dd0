"""Standard error: messages, logging, and progress as a bar or as plain lines."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clipguard.core.progress import SILENT, Progress
from clipguard.core.text import defused, printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

INTERVAL = 5.0  # seconds between two plain lines
SENTENCE = 1000  # characters; longer than a name or path, so that none is cut
QUIET, VERBOSE, DEBUG = "quiet", "verbose", "debug"


def on_github() -> bool:
    """Whether a runner of GitHub Actions reads both streams, and looks for commands in them."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def tell(text: str) -> None:
    """One message on stderr; a reader that went away stops no work."""
    command(defused(text) if on_github() else text)


def command(text: str) -> None:
    """A line on stderr that a runner may obey."""
    with contextlib.suppress(BrokenPipeError, ValueError):
        print(text, file=sys.stderr, flush=True)


def emit_text(text: str) -> None:
    """An answer for people on stdout."""
    emit((defused(text) if on_github() else text).encode())


def emit(data: bytes) -> None:
    """The answer on stdout; a reader that went away does not change the exit code earned."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(data.decode())
        else:
            binary.write(data)
        sys.stdout.flush()


def progress(quiet: bool = False, *, command: str = "clipguard") -> Progress:
    """Bars on a terminal, a plain line every few seconds elsewhere, nothing when quiet."""
    if quiet:
        return SILENT
    animated = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return BarProgress() if animated else PlainProgress(command)


def set_up_logging(*, verbose: bool, debug: bool) -> None:
    """Log to stderr: errors, warnings of libraries with ``-v``, all with ``--debug``."""
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.ERROR
    logging.basicConfig(format="%(name)s: %(levelname)s: %(message)s")
    logging.getLogger().setLevel(min(level + 10, logging.ERROR))  # libraries talk more
    logging.getLogger("clipguard").setLevel(level)
    if verbose or debug:
        warnings.simplefilter("default")


class PlainProgress:
    """Lines such as ``scan: replay 40/180``, at most one every few seconds."""

    def __init__(self, command: str, interval: float = INTERVAL) -> None:
        self._command = command
        self._interval = interval
        self._next = 0.0

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[PlainStage]:
        """Open a step of ``total`` units (None: unknown)."""
        stage = PlainStage(self, title, total)
        stage.advance(0)
        yield stage

    def say(self, text: str) -> None:
        """One line worth reading now."""
        tell(f"{self._command}: {printable(text, SENTENCE)}")

    def sometimes(self, text: str) -> None:
        """One line, unless there was one a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            self.say(text)


class PlainStage:
    """One step told in plain lines."""

    def __init__(self, progress: PlainProgress, title: str, total: int | None) -> None:
        self._progress, self._title, self._total, self._done = progress, title, total, 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report ``amount`` more units done."""
        self._done += amount
        count = f"{self._done}/{self._total}" if self._total is not None else str(self._done)
        self._progress.sometimes(f"{self._title} {count} {note}".rstrip())


class BarProgress:
    """One rich bar per open step; finished steps leave the screen."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self._open = 0

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[BarStage]:
        """Open a step of ``total`` units (None: unknown)."""
        task = self._bars.add_task(title, total=total, note="")
        self._open += 1
        if self._open == 1:
            self._bars.start()
        try:
            yield BarStage(self._bars, task)
        finally:
            self._open -= 1
            self._bars.remove_task(task)
            if self._open == 0:
                self._bars.stop()

    def say(self, text: str) -> None:
        """One line worth reading now, above the bars."""
        self._bars.console.print(printable(text, SENTENCE), markup=False, highlight=False)


class BarStage:
    """One step shown as a bar."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report ``amount`` more units done."""
        if note:
            self._bars.update(self._task, advance=amount, note=printable(note))
        else:
            self._bars.update(self._task, advance=amount)
