"""Progress is given to library code, never global: the library does not print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    """One running step of the work."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report ``amount`` more units done; ``note`` replaces the text beside the bar."""


class Progress(Protocol):
    """Where long work reports to."""

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a step of ``total`` units (None: unknown)."""

    def say(self, text: str) -> None:
        """One line worth reading now: a decision and its reason."""


class _SilentStage:
    def advance(self, amount: int = 1, note: str = "") -> None:
        """Ignore."""


class _Silent:
    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        """Ignore."""
        yield _SilentStage()

    def say(self, text: str) -> None:
        """Ignore."""


SILENT: Progress = _Silent()
