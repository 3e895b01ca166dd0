"""What the HTML report says of calibration, drills and long cleanings, and how large it grows."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clipguard.core import schema
from clipguard.core.results import Result
from clipguard.report.html import render_html
from clipguard.verdict import calibration


def words(page: bytes) -> str:
    """What a reader sees, with single spaces."""
    shown = re.sub("<[^>]*>", " ", page.decode().partition("</style>")[2])
    return " ".join(html.unescape(shown).replace("\u00a0", " ").split())


def test_names_of_a_megabyte_leave_a_small_page_with_whole_digests(
    shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    result = spoil(shapes["audit"], "<" * 1_000_000)
    subject = result.delivered.subject
    named = replace(subject, artifact=replace(subject.artifact, sha256="12" * 32))
    page = render_html(replace(result, delivered=replace(result.delivered, subject=named)))
    assert len(page) < 2_000_000
    assert "12" * 32 in words(page)
    found = re.search(rb'href="data:application/json;base64,([^"]*)"', page)
    assert found is not None
    embedded = schema.loads(base64.b64decode(found[1]))
    assert embedded.delivered is not None
    assert embedded.delivered.subject.artifact.sha256 == "12" * 32


def test_the_calibration_is_told_where_it_is_known(shapes: dict[str, Result]) -> None:
    fitted, tried = calibration.load(), calibration.trial()
    told = f"Calibrated on {fitted.clean} clean and {fitted.backdoored} backdoored models"
    first = words(render_html(shapes["backdoored"])).partition("What was not covered")[0]
    assert told in first
    assert f"{tried.accused} of {tried.clean} clean ones were accused" in first
    scan = shapes["backdoored"].delivered
    assert scan is not None
    other = replace(scan, verdict=replace(scan.verdict, calibration="of another version"))
    text = words(render_html(replace(shapes["backdoored"], delivered=other)))
    assert "Calibrated on" not in text
    assert "of another version" in text


def test_a_drill_shows_what_was_found_and_what_was_missed(shapes: dict[str, Result]) -> None:
    text = words(render_html(shapes["drill"]))
    for told in (
        "All families 4 3 2 of 3 21 % to 93.9 % 1 of 2",
        "Warp with jitter warp-jitter 1 1 0 of 1 0 % to 79 % not measured: none was found",
        "Left undone by the budget: watermark-red-1",
        "noise-blend-fixed-1 60 steps pencil case 96.9 %",
        "control-1 60 steps, without poison none none",
        "Backdoored \u2192 pencil box likelihood 74 %",
        "0 of 1 accused",
        "Power of the scan",
    ):
        assert told in text, told


def test_an_audit_shows_how_the_written_files_were_compared(shapes: dict[str, Result]) -> None:
    text = words(render_html(shapes["audit"]))
    files = text.partition("Files written")[2].partition("Provenance")[0]
    for told in (
        "cosine 0.9999999 or more, largest difference 3.6e\u221206, over 64 inputs",
        "The verdict taken again on the written ONNX pair No evidence found , as in torch.",
        "vertical-stripe-patch side=0.14 banana 3.1 % 4.7 % 0.42 %",
    ):
        assert told in files, told
    assert "taken again" not in words(render_html(replace(shapes["audit"], retake=None)))


def test_what_was_not_measured_is_on_the_first_screen(shapes: dict[str, Result]) -> None:
    first = words(render_html(shapes["backdoored"])).partition("SHA-256 of")[0]
    assert "families that could not be measured: Border frame triggers outside" in first
    scan = shapes["backdoored"].delivered
    assert scan is not None
    assert scan.replay is not None
    nothing = next(
        item.share_rise for item in scan.replay.families if item.share_rise.value is None
    )
    silent = tuple(replace(item, share_rise=nothing) for item in scan.replay.families)
    mute = replace(scan, replay=replace(scan.replay, families=silent))
    first = words(render_html(replace(shapes["backdoored"], delivered=mute)))
    assert "Sinusoidal stripes and 41 more" in first


def test_an_evaluation_shows_its_checks_and_its_seed(shapes: dict[str, Result]) -> None:
    evaluation = shapes["evaluation"].evaluation
    assert evaluation is not None
    (check, *_) = evaluation.checks
    text = words(render_html(shapes["evaluation"]))
    assert f"{check.id.replace('_', ' ')} {check.state.value} {check.reason}" in text
    assert f"Seed {evaluation.seed}" in text


def test_pairs_that_could_not_be_used_are_named(shapes: dict[str, Result]) -> None:
    cleaning = shapes["audit"].cleaning
    assert cleaning is not None
    record = replace(cleaning.trained_on[0], first_skipped=("7.jpg: no picture",))
    shape = replace(shapes["audit"], cleaning=replace(cleaning, trained_on=(record,)))
    assert "3 could not be used 7.jpg: no picture" in words(render_html(shape))


def test_an_inspection_shows_the_facts_of_the_file(shapes: dict[str, Result]) -> None:
    text = words(render_html(shapes["inspected"]))
    for told in (
        "Inspection: model.pt",
        "Findings in the file",
        "high names code of its own in config.json config.remote_code",
        "an optimizer lies beside the weights",
        "no trigger was tried on the model",
        "clipguard inspect models/model.pt",
    ):
        assert told in text, told


def test_long_cleanings_show_some_of_their_steps(shapes: dict[str, Result]) -> None:
    cleaning = shapes["audit"].cleaning
    assert cleaning is not None
    many = tuple(replace(cleaning.steps[0], step=index) for index in range(5000))
    longer = replace(cleaning, steps=many)
    text = words(render_html(replace(shapes["audit"], cleaning=longer)))
    assert "200 of 5 000 logged steps" in text
    assert "4 999" in text
