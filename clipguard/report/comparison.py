"""A comparison of two results as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from clipguard.core.results import SCHEMA_VERSION, Result
from clipguard.core.text import printable
from clipguard.report import figures, words
from clipguard.report.changes import Change

_SIGNS = {"worse": "worse ", "better": "better", "changed": "      "}
_LONGEST = 120


def got_worse(changes: Sequence[Change]) -> bool:
    """Whether anything did."""
    return any(item.direction == "worse" for item in changes)


def comparison_text(first: Result, second: Result, changes: Sequence[Change]) -> str:
    """One line for each change, those for the worse first, with a final newline."""
    names = [printable(words.subject_name(item), 80) for item in (first, second)]
    if not changes:
        return f"NOTHING CHANGED  {names[0]} -> {names[1]}\n"
    word = "WORSE" if got_worse(changes) else "NOT WORSE"
    order = list(_SIGNS)
    lines = [f"{word}  {names[0]} -> {names[1]}"]
    for item in sorted(changes, key=lambda item: order.index(item.direction)):
        told = (
            f"{item.part} {figures.words(item.name)}: {_side(item.before)} -> {_side(item.after)}"
        )
        lines.append(f"  {_SIGNS[item.direction]}  {printable(told, 4 * _LONGEST)}")
    return "\n".join(lines) + "\n"


def comparison_json(first: Result, second: Result, changes: Sequence[Change]) -> bytes:
    """The same for machines: canonical, with ``schema_version`` of the results that it reads."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "worse": got_worse(changes),
        "before": words.subject_name(first),
        "after": words.subject_name(second),
        "changes": msgspec.to_builtins(tuple(changes)),
    }
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _side(text: str) -> str:
    return printable(text.replace(figures.SPACE, " "), _LONGEST)
