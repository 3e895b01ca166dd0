"""Colours of the report keep the contrast that WCAG 2.2 level AA asks for, in every scheme."""

from __future__ import annotations

import re

import pytest

from clipguard.core import resources

TEXT = ("ink", "muted", "link", "alarm", "caution", "calm")
GROUNDS = {
    "ink": ("paper", "alarm-soft", "caution-soft", "calm-soft", "code"),
    "muted": ("paper", "alarm-soft", "caution-soft", "calm-soft"),
    "link": ("paper",),
    "alarm": ("paper", "alarm-soft"),
    "caution": ("paper", "caution-soft"),
    "calm": ("paper", "calm-soft"),
}


def schemes() -> list[dict[str, str]]:
    """Light, dark and print, each laid over the light one."""
    css = resources.templates().joinpath("report.css").read_text(encoding="utf-8")
    blocks = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]
    return [{**blocks[0], **block} for block in blocks]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_the_known_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_there_are_three_schemes() -> None:
    assert len(schemes()) == 3
    assert len({scheme["paper"] + scheme["ink"] for scheme in schemes()}) == 3


@pytest.mark.parametrize("scheme", schemes())
def test_text_is_legible(scheme: dict[str, str]) -> None:
    for name in TEXT:
        for ground in GROUNDS[name]:
            assert contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("scheme", schemes())
def test_marks_of_charts_stand_out(scheme: dict[str, str]) -> None:
    for name in ("ink", "muted", "suspect", "second"):
        assert contrast(scheme[name], scheme["paper"]) >= 3, name
