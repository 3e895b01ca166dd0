"""What every reader of a format returns, and how pickles are judged before that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clipguard.checkpoint.findings import HostileFile
from clipguard.checkpoint.machine import Walk, walk
from clipguard.checkpoint.names import Kind, names
from clipguard.checkpoint.opcodes import Buffer
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.tensors import Stored
from clipguard.core.errors import ClipguardError
from clipguard.core.results import Finding, Note
from clipguard.core.text import printable

_SHOWN = 8
_MOST_PICKLES = 32


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

    def add(self, walk: Walk) -> None:
        """Take over what a pickle's walk found."""
        self.findings += walk.findings
        if walk.problem is not None:
            self.problems.append(walk.problem)

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
        judgement.findings += result.findings
        if result.problem is not None and result.value is None:
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
