"""What changed between two results: the lines that ``clipguard compare`` prints.

A figure got worse or better only when the two intervals do not meet; one without an interval, when
it moved by more than the tolerance. A family counts as reproduced as it does for the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from clipguard.core.results import (
    Check,
    CheckState,
    Evaluation,
    FamilyResult,
    Measurement,
    Outcome,
    Result,
    Scan,
    Status,
    Subject,
)
from clipguard.report import alerts, figures, inputs, words
from clipguard.verdict.judge import reproduced

Direction = Literal["worse", "better", "changed"]
Item = TypeVar("Item")

TOLERANCE = 0.05
_OUTCOMES = (
    Outcome.NO_EVIDENCE,
    Outcome.NATURAL_LIKE,
    Outcome.INCONCLUSIVE,
    Outcome.BACKDOORED,
)
_CHECKS = (CheckState.PASSED, CheckState.WEAK, CheckState.SKIPPED, CheckState.FAILED)
_STATUSES: tuple[Status, ...] = ("pass", "interrupted", "error", "inconclusive", "fail")
_HARMFUL = ("attack_success", "inverted", "image_drift", "text_drift")
_NEUTRAL = ("base_rate",)
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference. ``part`` is the scan or section, ``name`` what differs in it."""

    part: str
    name: str
    before: str
    after: str
    direction: Direction


def changes(first: Result, second: Result, tolerance: float = TOLERANCE) -> tuple[Change, ...]:
    """All differences that a reader of the second result has to know of, in reading order.

    Args:
        first: the earlier result.
        second: the later result.
        tolerance: how far a likelihood, or a figure without an interval, may move, 0..1.
    """
    found = [
        *_run(first, second),
        *_findings(first, second),
    ]
    for part in ("delivered", "repaired"):
        before, after = getattr(first, part), getattr(second, part)
        found += _scan(part, before, after, tolerance)
    found += _figures("repair", _repair(first), _repair(second), tolerance)
    found += _figures("evaluation", _evaluation(first), _evaluation(second), tolerance)
    return tuple(found)


def _run(first: Result, second: Result) -> Iterator[Change]:
    yield from _ranked("run", "status", first.status, second.status, _STATUSES)
    pairs = (
        ("exit code", first.exit_code, second.exit_code),
        ("error", first.error and first.error.code, second.error and second.error.code),
        ("command", first.command, second.command),
        ("clipguard", first.tool.version, second.tool.version),
        ("rules", first.tool.rules_sha256, second.tool.rules_sha256),
    )
    for name, before, after in pairs:
        yield from _plain("run", name, before, after)
    for name in sorted({*first.settings, *second.settings}):
        yield from _plain("settings", name, first.settings.get(name), second.settings.get(name))
    yield from _subject("file", inputs.subject(first), inputs.subject(second))


def _subject(part: str, before: Subject | None, after: Subject | None) -> Iterator[Change]:
    if before is not None and after is not None:
        yield from _plain(part, "sha256", before.artifact.sha256, after.artifact.sha256)
        yield from _plain(part, "architecture", before.architecture, after.architecture)


def _findings(first: Result, second: Result) -> Iterator[Change]:
    before = {item.fingerprint: item for item in alerts.from_findings(first)}
    after = {item.fingerprint: item for item in alerts.from_findings(second)}
    for key, item in after.items():
        if key not in before:
            yield _change("file", f"finding {item.rule}", NONE, item.text, "worse")
    for key, item in before.items():
        if key not in after:
            yield _change("file", f"finding {item.rule}", item.text, NONE, "better")


def _scan(part: str, first: Scan | None, second: Scan | None, limit: float) -> Iterator[Change]:
    if first is None or second is None:
        yield from _plain(part, "scan", first and "there", second and "there")
        return
    before, after = first.verdict, second.verdict
    yield from _ranked(part, "verdict", before.outcome, after.outcome, _OUTCOMES)
    yield from _likelihood(part, before.likelihood, after.likelihood, limit)
    yield from _plain(part, "calibration", before.calibration, after.calibration)
    yield from _plain(part, "trigger", before.trigger, after.trigger)
    yield from _plain(part, "concept", before.concept, after.concept)
    yield from _checks(part, first.checks, second.checks)
    yield from _families(part, _replayed(first), _replayed(second))


def _likelihood(
    part: str, before: float | None, after: float | None, limit: float
) -> Iterator[Change]:
    if before is None or after is None:
        told = [None if value is None else figures.percent(value) for value in (before, after)]
        yield from _plain(part, "likelihood", *told)
    elif before != after:
        moved = after - before
        direction: Direction = "changed"
        if abs(moved) > limit:
            direction = "worse" if moved > 0 else "better"
        yield _change(
            part, "likelihood", figures.percent(before), figures.percent(after), direction
        )


def _checks(part: str, first: Sequence[Check], second: Sequence[Check]) -> Iterator[Change]:
    before, after = ({item.id: item.state for item in side} for side in (first, second))
    for name in dict.fromkeys([*before, *after]):
        missing = CheckState.SKIPPED
        states = before.get(name, missing), after.get(name, missing)
        yield from _ranked(part, f"check {name}", *states, _CHECKS)


def _replayed(scan: Scan) -> dict[str, FamilyResult]:
    return {item.family: item for item in scan.replay.families} if scan.replay else {}


def _families(
    part: str, first: Mapping[str, FamilyResult], second: Mapping[str, FamilyResult]
) -> Iterator[Change]:
    for name in dict.fromkeys([*second, *first]):
        before, after = first.get(name), second.get(name)
        fired = [item is not None and reproduced(item) for item in (before, after)]
        if not any(fired):
            continue
        direction: Direction | None = None
        if all(fired) and before is not None and after is not None:
            direction = _apart(before.share_rise, after.share_rise)
        else:
            direction = "worse" if fired[1] else "better"
        if direction is not None:
            yield _change(part, f"family {name}", _fired(before), _fired(after), direction)


def _fired(item: FamilyResult | None) -> str:
    if item is None:
        return "not replayed"
    moved = f"{figures.measurement(item.share_rise)} to '{item.concept}'"
    return moved if reproduced(item) else f"not reproduced ({moved})"


def _repair(result: Result) -> dict[str, Measurement]:
    if result.cleaning is None:
        return {}
    named = {item.name: item for item in result.cleaning.after}
    proof = result.cleaning.proof
    for item in proof.changes if proof is not None else ():
        named[f"{item.name} on {item.data}"] = item.after
    return named


def _evaluation(result: Result) -> dict[str, Measurement]:
    evaluation: Evaluation | None = result.evaluation
    if evaluation is None:
        return {}
    stated = evaluation.attack.measurements if evaluation.attack is not None else ()
    return {item.name: item for item in (*evaluation.utility, *stated)}


def _figures(
    part: str, first: Mapping[str, Measurement], second: Mapping[str, Measurement], limit: float
) -> Iterator[Change]:
    for name in dict.fromkeys([*first, *second]):
        before, after = first.get(name), second.get(name)
        told = [None if item is None else figures.measurement(item) for item in (before, after)]
        if before is None or after is None or before.value is None or after.value is None:
            yield from _plain(part, name, *told)
        elif before.value != after.value:
            direction = _moved(before, after, limit)
            yield _change(part, name, str(told[0]), str(told[1]), _meant(name, direction))


def _moved(before: Measurement, after: Measurement, limit: float) -> Direction:
    """``worse`` stands for a rise here; :func:`_meant` knows what a rise means."""
    if before.interval is not None and after.interval is not None:
        return _apart(before, after) or "changed"
    difference = (after.value or 0.0) - (before.value or 0.0)
    if abs(difference) <= limit:
        return "changed"
    return "worse" if difference > 0 else "better"


def _meant(name: str, direction: Direction) -> Direction:
    if direction == "changed" or name.startswith(_NEUTRAL):
        return "changed"
    if name.startswith(_HARMFUL):
        return direction
    return "better" if direction == "worse" else "worse"


def _apart(before: Measurement, after: Measurement) -> Direction | None:
    """Whether two intervals do not meet, and which lies above; None where they do."""
    if before.interval is None or after.interval is None:
        return None
    if after.interval.low > before.interval.high:
        return "worse"
    return "better" if after.interval.high < before.interval.low else None


def _ranked(
    part: str, name: str, before: Item, after: Item, order: Sequence[Item]
) -> Iterator[Change]:
    rank: Callable[[Item], int] = order.index
    if before != after:
        direction: Direction = "worse" if rank(after) > rank(before) else "better"
        yield _change(part, name, _word(before), _word(after), direction)


def _plain(part: str, name: str, before: object, after: object) -> Iterator[Change]:
    if before != after:
        yield _change(part, name, _word(before), _word(after), "changed")


def _word(value: object) -> str:
    if isinstance(value, Outcome):
        return words.OUTCOMES[value].word.lower()
    if isinstance(value, CheckState):
        return value.value
    return NONE if value is None else str(value)


def _change(part: str, name: str, before: str, after: str, direction: Direction) -> Change:
    return Change(part=part, name=name, before=before, after=after, direction=direction)
