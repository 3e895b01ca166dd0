"""Exit codes: the one place that defines them. The table in the documentation is made from here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Process exit codes; ``meaning`` is the sentence shown in help and documentation."""

    PASS = 0
    FINDING = 1
    ERROR = 2
    INCONCLUSIVE = 3
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """What a caller may conclude from this code."""
        return _MEANING[self]


def worst(codes: Iterable[Exit]) -> Exit:
    """The code of a command about several models: a finding outweighs what could not be decided."""
    given = set(codes)
    order = (Exit.FINDING, Exit.INCONCLUSIVE, Exit.ERROR, Exit.BUG)
    return next((code for code in order if code in given), Exit.PASS)


_MEANING = {
    Exit.PASS: "everything required was covered and nothing reached the gate",
    Exit.FINDING: "a verdict or finding at or above the gate, and only that",
    Exit.ERROR: "could not run: usage, configuration, input or environment",
    Exit.INCONCLUSIVE: "inconclusive, refused, or not cleaned",
    Exit.BUG: "a bug in clipguard",
    Exit.INTERRUPTED: "interrupted (SIGINT)",
    Exit.TERMINATED: "terminated (SIGTERM)",
}
