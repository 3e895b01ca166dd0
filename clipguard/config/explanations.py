"""What the identifiers in results and error lines mean: ``rules/explain/*.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError

KINDS = ("check", "error", "finding", "note", "verdict")
_KEYS = frozenset({"title", "text", "remedy", "false_alarms"})


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One identifier in plain words; ``false_alarms`` is empty where none are known."""

    id: str
    kind: str
    title: str
    text: str
    remedy: str
    false_alarms: str


@cache
def load_explanations() -> tuple[Explanation, ...]:
    """All explanations, sorted by identifier.

    Raises:
        ConfigError: a file is damaged.
    """
    found = []
    for kind in KINDS:
        tables = toml.load(resources.rules("explain", f"{kind}s.toml"))
        found += [_read(kind, name, table) for name, table in tables.items()]
    return tuple(sorted(found, key=lambda entry: entry.id))


def _read(kind: str, identifier: str, table: object) -> Explanation:
    if (
        not isinstance(table, dict)
        or not {"title", "text"} <= set(table) <= _KEYS
        or not all(isinstance(value, str) for value in table.values())
    ):
        raise ConfigError(
            "rules.explanation",
            "expected title, text and perhaps remedy and false_alarms",
            where=f"explain/{kind}s.toml: {identifier}",
            remedy="reinstall clipguard",
        )
    words = {key: " ".join(value.split()) for key, value in table.items()}
    return Explanation(
        id=identifier,
        kind=kind,
        title=words["title"],
        text=words["text"],
        remedy=words.get("remedy", ""),
        false_alarms=words.get("false_alarms", ""),
    )
