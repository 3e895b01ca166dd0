"""The summary of a CI run: what matters in it, and nothing in it that acts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from clipguard.core.results import Finding, Result, Severity
from clipguard.core.text import printable
from clipguard.report.markdown import MOST, code, inert, render_markdown

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
TAGS = {*TABLE, "code", "h2", "h3", "p", "strong", "ul", "li", "details", "summary"}


def page(result: Result) -> str:
    """The summary as GitHub shows it, as HTML."""
    return MarkdownIt("commonmark").enable("table").render(render_markdown(result).decode())


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("backdoored", ["Backdoored", "74 %", "vertical-stripe-patch", "banana", "Do not use",
                        "anything done to the model", "44 trigger families"]),
        ("no_evidence", ["No evidence found", "no certificate of absence", "0: everything"]),
        ("inconclusive", ["Inconclusive", "no trigger was tried", "do not agree"]),
        ("error", ["Could not run", "Download the file again."]),
        ("refused", ["Refused", "critical", "asks to run posix.system"]),
        ("audit", ["Repair: accepted", "<td>97 %</td>\n<td>3 %</td>", "Use the repaired files",
                   "cost: ", "rebound: attack success at most", "<code>visual.onnx</code>",
                   "cosine 0.9999999 or more", "no evidence found through the ONNX pair as well"]),
        ("inspected", ["Inspection", "Findings in the file", "names code of its own"]),
        ("not_cleaned", ["Repair: not accepted", "the rescan still finds the trigger"]),
        ("evaluation", ["Measured", "acc1", "71 %", "attack_success"]),
    ],
)  # fmt: skip
def test_it_says_what_matters(shapes: dict[str, Result], name: str, pieces: list[str]) -> None:
    shown = page(shapes[name]).replace("\u00a0", " ")
    for piece in pieces:
        assert piece in shown, piece


def test_tables_and_folds_are_markup(shape: Result) -> None:
    shown = page(shape)
    assert set(re.findall(r"</?(\w+)", shown)) <= TAGS
    assert "|" not in shown.replace("| |", "")
    assert "None" not in shown


def test_hostile_texts_stay_texts(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    more = ("| a | b |", "@octocat", "[x](//y)", "![x](//y)", "`x`", "***x***", "\ud800")
    for text in (*build.HOSTILE, *more):
        for name in ("refused", "not_cleaned", "evaluation"):
            plain, spoiled = shapes[name], spoil(shapes[name], text)
            shown = page(spoiled)
            assert set(re.findall(r"</?(\w+)", shown)) <= TAGS
            assert shown.count("<td>") == page(plain).count("<td>")
            assert not set(shown) & set("\x1b\u202e\u2028")


@given(st.text(max_size=60))
def test_a_text_shows_as_it_is(text: str) -> None:
    shown = MarkdownIt("commonmark").enable("table").renderInline(f"a {inert(text)} b")
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    wanted = plain.replace('"', "&quot;").replace("@", "@\u200b")
    assert re.sub(r" +", " ", shown) == re.sub(r" +", " ", f"a {wanted} b")


@given(st.text(alphabet="`|\\ a@.<'", max_size=12))
def test_a_span_of_code_is_never_left(text: str) -> None:
    page = f"| h | i |\n| --- | --- |\n| {code(text)} | end |\n"
    shown = MarkdownIt("commonmark").enable("table").render(page)
    assert shown.count("<td") == 2
    assert "<td>end</td>" in shown
    assert set(re.findall(r"</?(\w+)", shown)) <= TAGS
    if "<code>" in shown:
        assert not set(text) & set("`|\\<")


def test_addresses_are_no_links() -> None:
    for text in ("https://example.org", "www.example.org", "WWW.example.org", "a@example.org"):
        assert not re.search(r"://|www\.|@", inert(text), re.IGNORECASE)


def test_it_stays_below_the_limit_of_a_step(build: ModuleType, shapes: dict[str, Result]) -> None:
    finding = Finding(
        rule="x", severity=Severity.LOW, where="|" * 10**6, what="y" * 10**6, remedy="z" * 10**6
    )
    result = replace(shapes["refused"], findings=(finding,) * (MOST + 7))
    data = render_markdown(result)
    assert len(data) < 900_000
    assert b"and 7 more" in data
