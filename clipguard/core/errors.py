"""The whole error vocabulary.

ClipguardError
├─ UsageError          2   options contradict each other
├─ ConfigError         2   settings or rules are wrong
├─ InputError          2   a file is missing, broken or no CLIP model; pairs are unusable
├─ MachineError        2   a package, device, memory or disk is missing
└─ RefusedError        3   the input contradicts itself, exceeds a limit or asks to run code

Every error is one line: where, what, and the remedy. Anything else that escapes is a bug (exit 70).
"""

from __future__ import annotations

from clipguard.core.exits import Exit


class ClipguardError(Exception):
    """One failure, told in one line.

    Args:
        code: dotted identifier, stable across releases, such as ``file.truncated``.
        what: what was found, without a full stop.
        where: file, tensor or option concerned; empty when there is none.
        remedy: what the user can do about it; empty when there is nothing.
    """

    exit: Exit = Exit.ERROR

    def __init__(self, code: str, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(code, what, where, remedy)
        self.code, self.what, self.where, self.remedy = code, what, where, remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.what, self.where, self.remedy))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"[{self.code}] {place}{self.what}{remedy}"


def _rebuild(
    kind: type[ClipguardError], code: str, what: str, where: str, remedy: str
) -> ClipguardError:
    """Errors cross process borders whole; keyword arguments need this detour."""
    return kind(code, what, where=where, remedy=remedy)


class UsageError(ClipguardError):
    """Options contradict each other."""


class ConfigError(ClipguardError):
    """A settings or rules file is wrong."""


class InputError(ClipguardError):
    """The input cannot be analysed: nothing is claimed about the model."""


class MachineError(ClipguardError):
    """This machine lacks a package, a device, memory or disk space."""


class RefusedError(ClipguardError):
    """The input was not read further because that would be unsafe or ambiguous."""

    exit = Exit.INCONCLUSIVE
