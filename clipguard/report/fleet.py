"""The merged table of a fleet as JSON, HTML, JUnit and text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from clipguard.core.exits import Exit
from clipguard.core.fleet import Fleet, Row
from clipguard.core.text import printable
from clipguard.report import figures
from clipguard.report.html import page
from clipguard.report.junit import Case, State, document

FILES = ("fleet.json", "fleet.html", "fleet.xml")
_STATES: Mapping[int, State] = {Exit.PASS: "passed", Exit.FINDING: "failure"}
_TONES = {Exit.PASS: "calm", Exit.FINDING: "alarm"}
_SHOWN = 60
_SENTENCE = 300


def render(fleet: Fleet) -> Mapping[str, bytes]:
    """Each of :data:`FILES` with its bytes; equal tables give equal bytes."""
    return dict(zip(FILES, (_json(fleet), _html(fleet), _junit(fleet)), strict=True))


def render_text(fleet: Fleet) -> str:
    """One line for each model, the worst first, and a last one that counts them."""
    lines = [_line(row) for row in _ordered(fleet)]
    return "\n".join([*lines, f"{_counted(fleet)}; exit {fleet.exit_code}"]) + "\n"


def _json(fleet: Fleet) -> bytes:
    return json.dumps(msgspec.to_builtins(fleet), indent=2, sort_keys=True).encode() + b"\n"


def _html(fleet: Fleet) -> bytes:
    return page(
        "fleet.html.j2",
        fleet=fleet,
        rows=_ordered(fleet),
        counted=_counted(fleet),
        tone=_TONES.get(Exit(fleet.exit_code), "caution"),
        meaning=Exit(fleet.exit_code).meaning,
    )


def _junit(fleet: Fleet) -> bytes:
    return document(f"clipguard fleet {fleet.command}", _cases(fleet))


def _cases(fleet: Fleet) -> Iterator[Case]:
    """What a model's own exit code says: a verdict fails, what could not be decided is an error."""
    for row in fleet.rows:
        state = _STATES.get(row.exit_code, "error")
        yield Case("fleet", row.model, state, row.code or row.verdict, row.told)


def _ordered(fleet: Fleet) -> list[Row]:
    """The order of ``core.exits.worst``, passes last."""
    order = (Exit.FINDING, Exit.INCONCLUSIVE, Exit.ERROR, Exit.BUG, Exit.PASS)
    return sorted(fleet.rows, key=lambda row: (order.index(Exit(row.exit_code)), row.model))


def _line(row: Row) -> str:
    likelihood = "" if row.likelihood is None else figures.percent(row.likelihood)
    about = f"{row.trigger} -> {row.concept}" if row.trigger else row.code or ""
    name = f"{printable(row.model, _SHOWN):<40}"
    told = f"{row.exit_code:>2}  {name} {row.verdict:<24} {likelihood:>7}"
    return f"{told}  {printable(about, _SENTENCE)}".rstrip()


def _counted(fleet: Fleet) -> str:
    """How many models ended how, such as ``12 models: 9 with 0, 3 with 1``."""
    counts = Counter(row.exit_code for row in fleet.rows)
    told = ", ".join(f"{number} with {code}" for code, number in sorted(counts.items()))
    return f"{len(fleet.rows)} model{'s' if fleet.rows[1:] else ''}: {told}"
