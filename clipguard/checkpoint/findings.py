"""Files that attack their reader: a verdict of its own, told without running any of it."""

from __future__ import annotations

from collections.abc import Sequence

from clipguard.core.errors import ClipguardError
from clipguard.core.exits import Exit
from clipguard.core.results import Artifact, Finding, Severity
from clipguard.core.text import printable

SAFE_COPY = "do not load it anywhere; obtain safetensors from the publisher"
RESAVE = (
    "re-save it where you trust it, as safetensors or with torch.save(model.state_dict(), FILE)"
)


class HostileFile(ClipguardError):  # noqa: N818  # a verdict about a file, not a failure
    """The file would run code where it is loaded, or hides what it would do.

    Args:
        where: file.
        findings: what was found; never empty.
        artifact: the file by content.
    """

    exit = Exit.FINDING

    def __init__(self, where: str, findings: Sequence[Finding], artifact: Artifact) -> None:
        first, more = findings[0], len(findings) - 1
        what = first.what + (f" (and {more} more)" if more else "")
        super().__init__(first.rule, what, where=where, remedy=first.remedy)
        self.findings, self.artifact = tuple(findings), artifact

    def __reduce__(self) -> tuple[object, ...]:
        return (HostileFile, (self.where, self.findings, self.artifact))


def executes(name: str, member: str, offset: int) -> Finding:
    """A pickle names a callable that runs code."""
    return Finding(
        rule="file.pickle_exec",
        severity=Severity.CRITICAL,
        where=f"{printable(member)} @ byte {offset}",
        what=f"executes code on load: {printable(name)} in {printable(member)} at byte {offset}",
        remedy=SAFE_COPY,
    )


def obfuscated(member: str, offset: int) -> Finding:
    """A pickle builds the name of a callable from something that is not text."""
    return Finding(
        rule="file.pickle_obfuscated",
        severity=Severity.HIGH,
        where=f"{printable(member)} @ byte {offset}",
        what=f"hides what it would call on load, in {printable(member)} at byte {offset}",
        remedy=SAFE_COPY,
    )


def trailing(member: str, offset: int) -> Finding:
    """Something follows the end of a pickle."""
    return Finding(
        rule="file.trailing_data",
        severity=Severity.HIGH,
        where=f"{printable(member)} @ byte {offset}",
        what=f"a second pickle follows the first in {printable(member)} at byte {offset}",
        remedy=SAFE_COPY,
    )


def unreferenced(member: str) -> Finding:
    """An archive member that nothing refers to."""
    return Finding(
        rule="file.unreferenced_member",
        severity=Severity.MEDIUM,
        where=printable(member),
        what=f"archive member {printable(member)} belongs to no tensor",
        remedy="ask the publisher what it is for, or convert the weights to safetensors",
    )


def remote_code(where: str) -> Finding:
    """A Hugging Face configuration asks its loader to run code of the repository."""
    return Finding(
        rule="config.remote_code",
        severity=Severity.MEDIUM,
        where=printable(where),
        what="auto_map asks transformers to run code from the model folder",
        remedy="load it with trust_remote_code=False; clipguard ignores that code",
    )
