"""Lines for GitHub Actions: one command each, whatever the texts hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.results import Result
from clipguard.core.text import defused
from clipguard.report.github import MOST, commands

LINE = re.compile(r"::(error|warning|notice) title=[^:,]*::[^\r\n]*")


def kinds(result: Result) -> list[str]:
    return [line.partition(" ")[0].strip(":") for line in commands(result)]


def test_lines_are_commands(shape: Result) -> None:
    for line in commands(shape):
        assert LINE.fullmatch(line)


def test_a_red_run_has_red_lines(shapes: dict[str, Result]) -> None:
    for name in ("backdoored", "inconclusive", "error", "refused", "not_cleaned"):
        assert kinds(shapes[name])[0] == "error", name
    for name in ("no_evidence", "natural_like", "audit", "evaluation"):
        assert "error" not in kinds(shapes[name]), name
    assert kinds(replace(shapes["backdoored"], exit_code=0))[0] == "warning"


def test_they_say_what_was_found(shapes: dict[str, Result]) -> None:
    first = commands(shapes["backdoored"])[0]
    assert first.startswith("::error title=clipguard verdict.backdoored::model.pt: Behaviour of a")
    assert "62 of 64" in first


def test_texts_end_no_command(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    for text in (*build.HOSTILE, "::add-mask::x", "a%0A::error::b", "x,file=y::", "x" * 10**6):
        for name in ("refused", "inconclusive", "audit"):
            for line in commands(spoil(shapes[name], text)):
                assert LINE.fullmatch(line)
                assert not re.search(r"%(?!25|3A|2C)", line)
                assert len(line) < 2500


def test_as_many_as_github_keeps(shapes: dict[str, Result]) -> None:
    result = shapes["refused"]
    many = tuple(replace(result.findings[0], what=f"{number}") for number in range(MOST + 5))
    assert kinds(replace(result, findings=many)).count("error") == MOST


@given(st.lists(st.sampled_from(["::", "##[", ":", "#", "[", " ", "\n", "add-mask", "a"])))
def test_no_command_is_left_in_a_text(parts: list[str]) -> None:
    shown = defused("".join(parts))
    assert "##[" not in shown
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


def test_a_harmless_text_stays_as_it_is() -> None:
    text = "scan: model::part\n  target  a # b [c]\n"
    assert defused(text) == text
