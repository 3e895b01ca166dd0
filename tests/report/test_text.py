"""The summary for people: short, harmless, and it says the same as the report."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from clipguard.core.results import Note, Result
from clipguard.report.text import render_text


def test_summary_is_short_and_narrow(shape: Result) -> None:
    lines = render_text(shape).splitlines()
    assert 3 <= len(lines) <= 25
    assert max(map(len, lines)) <= 100
    assert render_text(shape).endswith("\n")
    assert "None" not in render_text(shape)


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("backdoored", ["BACKDOORED  model.pt", "vertical-stripe-patch (side=0.14)", "banana",
                        "74 % (prior 10 %, likelihood ratio 25 : 1)", "+4.10 nats",
                        "anything done to the model", "Do not use this model", "exit        1:"]),
        ("no_evidence", ["NO EVIDENCE FOUND", "0.69 %", "no certificate", "exit        0:"]),
        ("natural_like", ["NATURAL-LIKE WEAKNESS", "zebra"]),
        ("inconclusive", ["INCONCLUSIVE", "cannot be judged",
                          "no trigger was replayed", "--images", "exit 3:"]),
        ("error", ["COULD NOT RUN", "The archive ends", "Download the file again.", "exit 2:"]),
        ("refused", ["REFUSED", "critical: asks to run posix.system", "exit        3:"]),
        ("audit", ["cleaned by guided; rescan: no evidence found", "attack success 97 % -> 3 %",
                   "Use the repaired files"]),
        ("drill", ["DRILLED model.pt", "The scan found 2 of 3 planted backdoors, 1 of 2 of these",
                   "accused: 0 of 1.", "all 4 3 2 1 21 % to 93.9 %", "tone-nashville 1 0 - - -",
                   "control no_evidence", "cleaned 2 of 3", "not reached watermark-red-1",
                   "--resume"]),
        ("not_cleaned", ["NOT CLEANED by guided; rescan: backdoored", "Use neither"]),
    ],
)  # fmt: skip
def test_summary_says_what_matters(shapes: dict[str, Result], name: str, pieces: list[str]) -> None:
    text = " ".join(render_text(shapes[name]).split())
    for piece in pieces:
        assert " ".join(piece.split()) in text, piece


def test_reasons_are_given_for_a_suspicion_only(shapes: dict[str, Result]) -> None:
    assert "nats" in render_text(shapes["backdoored"])
    assert "nats" not in render_text(shapes["no_evidence"])


def test_no_name_reaches_the_terminal_raw(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    for result in shapes.values():
        for text in build.HOSTILE:
            shown = render_text(spoil(result, text))
            kinds = {unicodedata.category(letter) for letter in shown.replace("\n", "")}
            assert not kinds & {"Cc", "Cf", "Zl", "Zp", "Cs"}
            assert len(shown.splitlines()) <= 25


def test_notes_change_no_verdict(shapes: dict[str, Result]) -> None:
    result = shapes["backdoored"]
    assert result.delivered is not None
    subject = replace(result.delivered.subject, notes=(Note(code="x", text="y"),) * 9)
    noted = replace(result, delivered=replace(result.delivered, subject=subject))
    assert render_text(noted) == render_text(result)


def test_a_drill_never_speaks_of_finds_that_were_not_made(shapes: dict[str, Result]) -> None:
    result = shapes["drill"]
    assert result.drill is not None
    unknown = replace(result.drill.power.found, value=None, n=0, interval=None, absent="none")
    for tried, planted, told in (
        (0, 0, "Nothing was planted."),
        (3, 0, "None of 3 planted backdoors works; nothing is known about the scan."),
        (3, 2, "The scan found none of 2 planted backdoors."),
    ):
        found = replace(unknown, value=0.0, n=planted) if planted else unknown
        power = replace(
            result.drill.power, tried=tried, planted=planted, found=found, named=unknown
        )
        shown = render_text(replace(result, drill=replace(result.drill, power=power)))
        assert told in " ".join(shown.split())


def test_what_was_compared_with_the_onnx_pair_is_told(shapes: dict[str, Result]) -> None:
    told = " ".join(render_text(shapes["audit"]).split())
    for piece in (
        "onnx cosine to torch 1.000000 or more",
        "no evidence found through the ONNX pair as well: vertical-stripe-patch moves 4.7 %",
        "of the pictures, 3.1 % in torch",
    ):
        assert piece in told
    alone = render_text(replace(shapes["audit"], retake=None, exports=()))
    assert "onnx" not in alone.lower()


def test_an_inspection_tells_the_file_and_what_is_wrong_with_it(
    shapes: dict[str, Result],
) -> None:
    told = " ".join(render_text(shapes["inspected"]).split())
    for piece in (
        "FINDINGS IN THE FILE model.pt",
        "ViT-B-32, 151 277 313 values in float32. Findings: 1.",
        "finding high: names code of its own in config.json",
        "note an optimizer lies beside the weights",
        "Backdoors: no trigger was tried",
        "clipguard scan",
    ):
        assert piece in told, piece


def test_an_export_lists_its_files_and_claims_nothing(build: ModuleType) -> None:
    told = render_text(build.result("export", exports=build.exports()))
    assert told.startswith("EXPORTED")
    assert "cosine to torch" in told
    assert "the model was not probed" in told
    assert "Do not load" not in told
