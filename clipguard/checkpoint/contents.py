"""What every reader of a format returns, and how pickles are judged before that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clipguard.checkpoint.findings import RESAVE, HostileFile
from clipguard.checkpoint.machine import Walk, walk
from clipguard.checkpoint.names import Kind, names
from clipguard.checkpoint.opcodes import Buffer
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.tensors import Stored
from clipguard.core.errors import ClipguardError, RefusedError
from clipguard.core.results import Finding, Note
from clipguard.core.text import printable

_SHOWN = 8
_MOST_PICKLES = 32
_MOST_FINDINGS = 100
_MOST_OPERATIONS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Tensors under the names of the file, before any layout is recognised.

    ``quick_gelu`` is what the file itself proves about the activation; None: nothing.
    """

    sources: tuple[Source, ...]
    format: str
    where: str
    tensors: Mapping[str, Stored]
    evidence: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    findings: tuple[Finding, ...] = ()
    quick_gelu: bool | None = None


@dataclass
class Judgement:
    """Everything that speaks against a file, gathered before anything is decided."""

    source: Source
    findings: list[Finding] = field(default_factory=list)
    problems: list[ClipguardError] = field(default_factory=list)
    operations: int = 0

    def add(self, walk: Walk) -> None:
        """Take over what a pickle's walk found, and what speaks against reading it."""
        self.suspect(walk)
        if walk.problem is not None:
            self.problems.append(walk.problem)

    def suspect(self, walk: Walk) -> None:
        """Take over only the findings: whatever was walked need not be a pickle."""
        self.findings += walk.findings[: _MOST_FINDINGS - len(self.findings)]
        self.operations += walk.operations
        if self.is_exhausted:
            what = f"more than {_MOST_OPERATIONS} pickle operations in all"
            self.problems.append(
                RefusedError("pickle.limits", what, where=self.source.where, remedy=RESAVE)
            )

    @property
    def is_exhausted(self) -> bool:
        """Whether all walks together took more operations than any honest file needs."""
        return self.operations > _MOST_OPERATIONS

    def decide(self) -> None:
        """Stop here when there is a reason.

        Raises:
            HostileFile: there is evidence of an attack; it outweighs every other problem.
            ClipguardError: the first problem.
        """
        if self.findings:
            raise HostileFile(self.source.where, self.findings, self.source.artifact)
        if self.problems:
            raise self.problems[0]


def walk_all(data: Buffer, member: str, where: str, judgement: Judgement) -> None:
    """Walk pickles one behind the other, for their findings alone."""
    offset = 0
    for _ in range(_MOST_PICKLES):
        if offset >= len(data):
            return
        result = walk(data, offset, member=member, where=where)
        judgement.suspect(result)
        if not result.complete:
            return
        offset = result.end


def opaque_note(walks: Iterable[Walk]) -> tuple[Note, ...]:
    """Which objects beside the weights were left unbuilt."""
    met = {name for walk in walks for name in walk.globals}
    inert = sorted(name for name in met if names().kind(name) is Kind.INERT)
    return (Note(code="pickle.opaque_objects", text=_opaque(inert)),) if inert else ()


def _opaque(inert: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in inert[:_SHOWN])
    more = f" and {len(inert) - _SHOWN} more" if len(inert) > _SHOWN else ""
    return f"objects beside the weights were not built: {shown}{more}"
