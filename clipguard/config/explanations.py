"""What the identifiers in results and error lines mean: ``rules/explain.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError

_KEYS = frozenset({"kind", "title", "text", "remedy", "false_alarms"})
KINDS = ("check", "finding", "error", "note")


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
        ConfigError: the file is damaged.
    """
    tables = toml.load(resources.rules("explain.toml"))
    return tuple(_read(name, tables[name]) for name in sorted(tables))


def _read(identifier: str, table: object) -> Explanation:
    if (
        not isinstance(table, dict)
        or not {"kind", "title", "text"} <= set(table) <= _KEYS
        or not all(isinstance(value, str) for value in table.values())
        or table["kind"] not in KINDS
    ):
        raise ConfigError(
            "rules.explanation",
            "expected kind, title, text and perhaps remedy and false_alarms",
            where=f"explain.toml: {identifier}",
            remedy="reinstall clipguard",
        )
    words = {key: " ".join(value.split()) for key, value in table.items()}
    return Explanation(
        id=identifier,
        kind=words["kind"],
        title=words["title"],
        text=words["text"],
        remedy=words.get("remedy", ""),
        false_alarms=words.get("false_alarms", ""),
    )
