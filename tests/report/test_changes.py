"""What changed between two results, and whether for the worse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from clipguard.core.results import CheckState, Finding, Interval, Measurement, Result, Severity
from clipguard.report.changes import Change, changes
from clipguard.report.comparison import comparison_json, comparison_text, got_worse


def found(first: Result, second: Result) -> dict[str, Change]:
    return {f"{item.part} {item.name}": item for item in changes(first, second)}


def directions(first: Result, second: Result) -> dict[str, str]:
    return {name: item.direction for name, item in found(first, second).items()}


def with_scan(result: Result, **parts: Any) -> Result:
    assert result.delivered is not None
    return replace(result, delivered=replace(result.delivered, **parts))


def with_share(result: Result, index: int, value: float, half: float = 0.05) -> Result:
    """The result with another share of moved pictures for one family."""
    assert result.delivered is not None
    assert result.delivered.replay is not None
    families = list(result.delivered.replay.families)
    interval = Interval(low=value - half, high=value + half, confidence=0.95, method="wilson")
    share = replace(families[index].share_rise, value=value, interval=interval)
    families[index] = replace(families[index], share_rise=share)
    return with_scan(result, replay=replace(result.delivered.replay, families=tuple(families)))


def test_a_result_does_not_differ_from_itself(shape: Result) -> None:
    assert changes(shape, shape) == ()


def test_every_pair_can_be_compared_and_turns_round(
    shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    opposite = {"worse": "better", "better": "worse", "changed": "changed"}
    for first in shapes.values():
        for second in shapes.values():
            there, back = directions(first, second), directions(second, first)
            assert {name: opposite[way] for name, way in there.items()} == back
            text = comparison_text(spoil(first, "\x1b\n"), spoil(second, "\u202e"), ())
            assert not set(text) & set("\x1b\u202e")


def test_a_backdoor_that_appears_is_worse(shapes: dict[str, Result]) -> None:
    clean, planted = shapes["no_evidence"], shapes["backdoored"]
    there = directions(clean, planted)
    for name in ("run status", "delivered verdict", "delivered likelihood"):
        assert there[name] == "worse"
    assert there["delivered family vertical-stripe-patch"] == "worse"
    assert there["delivered trigger"] == "changed"
    assert got_worse(changes(clean, planted))
    assert not got_worse(changes(planted, clean))


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (0.1, 0.6, "worse"),  # appears
        (0.6, 0.1, "better"),  # vanishes
        (0.5, 0.9, "worse"),  # grows beyond both intervals
        (0.9, 0.5, "better"),
        (0.5, 0.55, None),  # within sampling error
        (0.1, 0.2, None),  # reproduced in neither
    ],
)
def test_families_appear_vanish_and_grow(
    shapes: dict[str, Result], before: float, after: float, direction: str | None
) -> None:
    base = shapes["no_evidence"]
    there = directions(with_share(base, 3, before), with_share(base, 3, after))
    name = "delivered family blended-noise-field"
    assert there == ({name: direction} if direction else {})


def test_a_likelihood_may_move_within_the_tolerance(shapes: dict[str, Result]) -> None:
    base = shapes["no_evidence"]
    assert base.delivered is not None
    nearly = with_scan(base, verdict=replace(base.delivered.verdict, likelihood=0.03))
    assert directions(base, nearly) == {"delivered likelihood": "changed"}
    (strict,) = changes(base, nearly, tolerance=0.01)
    assert strict.direction == "worse"
    assert (strict.before, strict.after) == ("0.69\u00a0%", "3\u00a0%")


def test_checks_and_findings_count(build: ModuleType, shapes: dict[str, Result]) -> None:
    base = shapes["no_evidence"]
    assert base.delivered is not None
    broken = tuple(replace(item, state=CheckState.FAILED) for item in base.delivered.checks[:1])
    worse = with_scan(base, checks=broken + base.delivered.checks[1:])
    assert directions(base, worse) == {"delivered check finite_weights": "worse"}
    finding = Finding(
        rule="file.trailing_data", severity=Severity.HIGH, where="a", what="b", remedy="c"
    )
    hostile = with_scan(base, subject=replace(base.delivered.subject, findings=(finding,)))
    assert directions(base, hostile) == {"file finding file.trailing_data": "worse"}
    assert directions(hostile, base) == {"file finding file.trailing_data": "better"}


def test_figures_get_worse_in_their_own_direction(shapes: dict[str, Result]) -> None:
    base = shapes["evaluation"]
    assert base.evaluation is not None

    def of(name: str, value: float) -> Result:
        figure = Measurement(name=name, value=value, unit="fraction", n=9)
        assert base.evaluation is not None
        return replace(base, evaluation=replace(base.evaluation, utility=(figure,), attack=None))

    for name, way in (("acc1", "better"), ("attack_success", "worse"), ("base_rate", "changed")):
        assert directions(of(name, 0.2), of(name, 0.9)) == {f"evaluation {name}": way}
        assert directions(of(name, 0.2), of(name, 0.21)) == {f"evaluation {name}": "changed"}


def test_another_seed_or_file_is_told(shapes: dict[str, Result], build: ModuleType) -> None:
    base = shapes["no_evidence"]
    other = with_scan(base, subject=build.subject(digest="abcdef"))
    other = replace(other, settings={**other.settings, "seed": 8})
    assert directions(base, other) == {"settings seed": "changed", "file sha256": "changed"}


def test_text_and_json_say_the_same(shapes: dict[str, Result]) -> None:
    first, second = shapes["no_evidence"], shapes["backdoored"]
    there = changes(first, second)
    text = comparison_text(first, second, there)
    assert text.startswith("WORSE  model.pt -> model.pt\n  worse   run status: pass -> fail\n")
    told = json.loads(comparison_json(first, second, there))
    assert told["worse"] is True
    assert len(told["changes"]) == len(text.splitlines()) - 1
    assert comparison_text(first, first, ()) == "NOTHING CHANGED  model.pt -> model.pt\n"
