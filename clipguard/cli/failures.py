"""Everything that can go wrong, as the one error line that the user sees."""

from __future__ import annotations

import click

from clipguard.core.errors import ClipguardError, MachineError, UsageError
from clipguard.core.exits import Exit
from clipguard.core.text import printable

_WORDS = {Exit.ERROR: "error", Exit.INCONCLUSIVE: "refused", Exit.FINDING: "finding"}


class BugError(ClipguardError):
    """Anything that no one foresaw."""

    exit = Exit.BUG


def explained(error: Exception) -> ClipguardError:
    """The error in clipguard's vocabulary; what is not foreseen becomes a bug."""
    if isinstance(error, ClipguardError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, ImportError) and not (error.name or "").startswith("clipguard"):
        return MachineError(
            "env.package", f"cannot import a package: {error}", remedy="run: clipguard doctor"
        )
    if _is_shortage(error):
        return MachineError(
            "env.memory",
            "not enough memory",
            remedy="use a machine with more memory, or close other programs",
        )
    return BugError(
        "bug.unforeseen",
        f"{type(error).__name__}: {error}",
        remedy="this is a bug in clipguard; --debug shows where",
    )


def line(error: ClipguardError) -> str:
    """One line: what went wrong, where, and the remedy. Each part is escaped and cut by itself."""
    place = f"{_flat(error.where)}: " if error.where else ""
    remedy = f"; {_flat(error.remedy)}" if error.remedy else ""
    word = _WORDS.get(error.exit, "bug")
    return f"clipguard: {word} [{_flat(error.code)}] {place}{_flat(error.what)}{remedy}"


def _usage(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    path = ctx.command_path if ctx else "clipguard"
    return UsageError(
        "usage.command_line",
        error.format_message().rstrip("."),
        where=path,
        remedy=f"see: {path} --help",
    )


def _is_shortage(error: Exception) -> bool:
    """Torch tells of too little memory by a RuntimeError, on devices by a subclass of it."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))
