"""What a policy made of a verdict: the part of a result that explains its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, order=True)
class Charge:
    """What a gate can hold against a model, by a name that two scans of it share.

    ``id`` is a trigger family or the rule of a finding; ``place`` says where: the verdict with the
    concept, or the part of the file.
    """

    id: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """One rule of the policy: its limit, what was found, and how it ended.

    ``state`` is ``suppressed`` when the rule is broken by suppressed charges alone; ``exit_code``
    is what a broken rule leads to.
    """

    rule: str
    limit: str | int | float
    found: str | int | float
    state: Literal["met", "broken", "suppressed"]
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """A charge that does not gate, with its justification. Dates are YYYY-MM-DD."""

    charge: Charge
    by: Literal["ignore", "baseline"]
    reason: str
    expires: str | None


@dataclass(frozen=True, kw_only=True)
class IgnoreRecord:
    """An ignore as it was given, and what became of it."""

    id: str
    sha256: str
    reason: str
    expires: str
    state: Literal["used", "unused", "expired"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The decision on the model that may be used afterwards.

    ``subject`` says which scan of the result was judged; ``today`` is the date that expiries were
    compared with, None when there were none.
    """

    subject: Literal["delivered", "repaired"]
    exit_code: int
    rulings: tuple[Ruling, ...]
    suppressed: tuple[Suppressed, ...] = ()
    ignores: tuple[IgnoreRecord, ...] = ()
    today: str | None = None
