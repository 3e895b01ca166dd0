"""What is told beside repaired weights: a model card for people, and the record of the cleaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined

from clipguard.core import resources
from clipguard.core.measurement import Change, Measurement, Proof
from clipguard.core.results import Result
from clipguard.core.text import printable

CARD, RECORD, TEMPLATE = "README.md", "cleaning.json", "card.md.j2"
_MARKUP = str.maketrans(dict.fromkeys("`|<>[]*", " "))


def write_record(result: Result, folder: Path) -> None:
    """``cleaning.json``: settings, data, curves, figures, and the digest of the file repaired.

    Args:
        result: of a run that cleaned; equal results give equal bytes.
        folder: where it goes.
    """
    cleaning, delivered = result.cleaning, result.delivered
    if cleaning is None or delivered is None:
        raise ValueError("nothing was cleaned")
    record = {
        "schema_version": result.schema_version,
        "tool": result.tool,
        "parent": delivered.subject.artifact,
        "seed": delivered.seed,
        "settings": result.settings,
        "cleaning": cleaning,
        "files": [item.artifact for item in result.exports],
    }
    plain = msgspec.to_builtins(record)
    text = json.dumps(plain, indent=2, sort_keys=True, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def write_card(result: Result, folder: Path) -> None:
    """``README.md`` in the style of a Hugging Face model card.

    Args:
        result: of a run that cleaned; equal results give equal bytes.
        folder: where it goes.
    """
    (folder / CARD).write_text(render_card(result), encoding="utf-8")


def render_card(result: Result) -> str:
    """The model card of a repair.

    Raises:
        ValueError: nothing was cleaned.
    """
    cleaning, delivered = result.cleaning, result.delivered
    if cleaning is None or delivered is None:
        raise ValueError("nothing was cleaned")
    proof = cleaning.proof
    changes = proof.changes if proof else ()
    page = _environment().from_string(
        resources.templates().joinpath(TEMPLATE).read_text(encoding="utf-8")
    )
    foreign = any(item.kind.startswith("hugging_face") for item in result.exports)
    return page.render(
        name=f"{delivered.subject.architecture}, repaired",
        parent=delivered.subject.artifact,
        library="transformers" if foreign else "open_clip",
        cleaning=cleaning,
        version=result.tool.version,
        summary=delivered.verdict.summary,
        uncovered=delivered.verdict.not_covered,
        changes=changes,
        results=_by_data(changes),
        **_rebound(proof),
    )


def _by_data(changes: tuple[Change, ...]) -> list[tuple[str, list[Measurement]]]:
    """The repaired model's figures, data set by data set; what was not measured is left out."""
    names = dict.fromkeys(change.data for change in changes)
    by_data = [
        (name, [c.after for c in changes if c.data == name and c.after.value is not None])
        for name in names
    ]
    return [(name, figures) for name, figures in by_data if figures]


def _rebound(proof: Proof | None) -> dict[str, Any]:
    if proof is None or proof.rebound is None:
        return {"worst": None, "steps": 0, "rate": 0.0}
    points = proof.rebound.points
    worst = max(points, key=lambda point: point.success.value or 0.0)
    return {
        "worst": worst.success,
        "steps": points[-1].step,
        "rate": proof.rebound.learning_rate,
    }


def _environment() -> Environment:
    environment = Environment(  # noqa: S701  # Markdown: _harmless takes its markup away
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["figure"] = _figure
    environment.filters["tojson"] = _quoted
    return environment


class _Quoted(str):
    """JSON, which YAML takes as it is."""


def _quoted(value: object) -> _Quoted:
    plain = printable(value) if isinstance(value, str) else value
    return _Quoted(json.dumps(plain, allow_nan=False))


def _harmless(value: object) -> object:
    """Text from outside moves no cursor and becomes no markup."""
    if isinstance(value, str) and not isinstance(value, _Quoted):
        return printable(value, 1000).translate(_MARKUP)
    return value


def _figure(item: Measurement) -> str:
    if item.value is None:
        return "not measured"
    if item.interval is None:
        return f"{item.value:.3f} (n = {item.n})"
    return f"{item.value:.3f} ({item.interval.low:.3f} to {item.interval.high:.3f}, n = {item.n})"
