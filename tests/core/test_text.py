"""One function makes text from outside harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.text import printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.pt", "plain name.pt"),
        ("schöne Grüße 図", "schöne Grüße 図"),
        ("a\nb\tc", r"a\u{a}b\u{9}c"),
        ("\x1b[31mred", r"\u{1b}[31mred"),
        ("safe\u202etp.exe", r"safe\u{202e}tp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u{200b}width\u{feff}"),
        ("line\u2028end", r"line\u{2028}end"),
        (b"\xff.pt".decode("utf-8", "surrogateescape"), r"\xff.pt"),
        ("<script>", "<script>"),
    ],
)
def test_dangerous_characters_become_visible(raw: str, shown: str) -> None:
    assert printable(raw) == shown


@given(st.text(max_size=300), st.integers(4, 80))
def test_result_is_one_harmless_line_within_the_limit(raw: str, limit: int) -> None:
    shown = printable(raw, limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown, limit) == shown


def test_a_cut_is_marked_and_splits_no_escape() -> None:
    assert printable("x" * 300) == "x" * 197 + "..."
    assert printable("x" * 9 + "\n" + "y" * 9, 13) == "x" * 9 + "..."
