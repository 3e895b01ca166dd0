"""The policy as data: ``[policy]`` and ``[[ignore]]`` of the settings file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from clipguard.core.errors import ConfigError
from clipguard.core.gate import Charge
from clipguard.core.results import Outcome, Severity

LONGEST = timedelta(days=180)
SHORTEST_REASON = 10  # characters
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = ("id", "sha256", "reason", "expires")


@dataclass(frozen=True, kw_only=True)
class Ignore:
    """One accepted finding of one file.

    Args:
        id: trigger family or rule of a finding.
        sha256: the file's digest, as the result holds it.
        reason: why it is accepted.
        expires: the last day on which it is.
    """

    id: str
    sha256: str
    reason: str
    expires: date


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What an earlier result held against its model."""

    name: str
    charges: frozenset[Charge]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What gates.

    Args:
        fail_on: outcomes that lead to 1.
        fail_on_severity: findings about the file at or above it lead to 1; None: none do.
        max_likelihood: a likelihood above it leads to 1, 0..1; None: none does.
        min_coverage: least share of the trigger families that has to be measured, 0..1.
        min_carriers: least number of pictures that every family has to be tried on.
        require_check: checks that have to pass; ``weak`` and ``skipped`` are no pass.
        min_agreement: least share of the delivered model's answers that a repair keeps, 0..1.
        max_rebound: attack success that benign fine-tuning may bring back after a repair, 0..1.
        ignores: accepted findings.
        baseline: findings known from an earlier result; None: all are new.
        today: the date that expiries are compared with.
    """

    fail_on: frozenset[Outcome] = frozenset({Outcome.BACKDOORED})
    fail_on_severity: Severity | None = None
    max_likelihood: float | None = None
    min_coverage: float | None = None
    min_carriers: int | None = None
    require_check: tuple[str, ...] = ()
    min_agreement: float | None = None
    max_rebound: float = 0.15
    ignores: tuple[Ignore, ...] = ()
    baseline: Baseline | None = None
    today: date = date.max


def read_ignores(entries: object, path: Path, today: date) -> tuple[Ignore, ...]:
    """The ``[[ignore]]`` tables of a settings file.

    Args:
        entries: what TOML made of them.
        path: the file, for messages.
        today: expiries lie at most :data:`LONGEST` after it.

    Raises:
        ConfigError: a key is missing, unknown or of no use.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _wrong(path, "ignore", "no list of tables", "write [[ignore]]")
    return tuple(
        _ignore(entry, path, f"ignore {number}", today) for number, entry in enumerate(entries, 1)
    )


def _ignore(entry: Mapping[str, Any], path: Path, name: str, today: date) -> Ignore:
    if strange := sorted(entry.keys() - set(_KEYS)):
        raise _wrong(path, name, f"unknown key {strange[0]}", f"the keys are {', '.join(_KEYS)}")
    if missing := [key for key in _KEYS if key not in entry]:
        raise _wrong(path, name, f"{missing[0]} is missing", "every ignore has all four keys")
    for key in ("id", "sha256", "reason"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise _wrong(path, name, f"{key} is no text", f'write {key} = "..."')
    if not _SHA256.fullmatch(entry["sha256"]):
        raise _wrong(
            path, name, "sha256 is no digest", "give the 64 hexadecimal digits of the result"
        )
    if len(entry["reason"].strip()) < SHORTEST_REASON:
        raise _wrong(
            path, name, "the reason is too short", f"write {SHORTEST_REASON} characters or more"
        )
    expires = entry["expires"]
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise _wrong(path, name, "expires is no date", "write it as 2030-01-31, without quotes")
    if expires - today > LONGEST:
        raise _wrong(
            path,
            name,
            f"expires more than {LONGEST.days} days ahead",
            f"choose {today + LONGEST} or an earlier day",
        )
    return Ignore(
        id=entry["id"], sha256=entry["sha256"], reason=entry["reason"].strip(), expires=expires
    )


def _wrong(path: Path, name: str, what: str, remedy: str) -> ConfigError:
    return ConfigError("config.ignore", f"{name}: {what}", where=str(path), remedy=remedy)
