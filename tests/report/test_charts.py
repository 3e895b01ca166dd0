"""Charts: themed by classes, safe to inline, drawn from what they are given."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from clipguard.core import resources
from clipguard.report import charts
from clipguard.report.svg import COLOURS


def every_chart(build: ModuleType) -> dict[str, str]:
    replay = build.replay(strong=True)
    first = replay.families[0]
    return {
        "dose": charts.dose_curve(first, "dose"),
        "strip": charts.null_strip(replay, first.family, "strip"),
        "drift": charts.drift(build.cleaning().steps, 0.4, "drift"),
        "tradeoff": charts.tradeoff(build.cleaning().rounds, "tradeoff"),
        "power": charts.power(build.shapes()["drill"].drill.families[:3], "power"),
    }


@pytest.mark.parametrize("name", ["dose", "strip", "drift", "tradeoff", "power"])
def test_chart_has_no_style_no_colour_and_own_identifiers(build: ModuleType, name: str) -> None:
    chart = every_chart(build)[name]
    root = ElementTree.fromstring(chart)  # noqa: S314  # our own
    assert not re.search(r"#[0-9a-fA-F]{6}\b", re.sub(r'href="[^"]*"|url\([^)]*\)', "", chart))
    assert "xmlns" not in chart
    assert all("style" not in item.attrib for item in root.iter())
    assert {item.tag for item in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "defs",
        "g",
        "path",
        "use",
        "text",
        "tspan",
        "clipPath",
        "rect",
    }
    ids = [item.get("id") for item in root.iter() if item.get("id")]
    assert all(str(item).startswith(f"{name}-") for item in ids)
    assert len(ids) == len(set(ids))
    for item in root.iter():
        if item.get("href"):
            assert str(item.get("href"))[1:] in ids
        for target in re.findall(r"url\(#([^)]+)\)", item.get("clip-path", "")):
            assert target in ids
    assert root.get("role") == "img"


def test_every_colour_has_a_class_in_the_style_sheet() -> None:
    css = resources.templates().joinpath("report.css").read_text(encoding="utf-8")
    for name in COLOURS.values():
        assert f".fill-{name} " in css
        assert f".stroke-{name} " in css


def test_stand_in_colours_are_all_replaced(build: ModuleType) -> None:
    for chart in every_chart(build).values():
        assert "fill-ink" in chart
        assert not any(colour in chart for colour in COLOURS)


def test_charts_follow_their_data(build: ModuleType) -> None:
    replay = build.replay(strong=True)
    first = replay.families[0]
    weaker = replace(first, curve=tuple(replace(item, share=0.1) for item in first.curve))
    assert charts.dose_curve(first, "x") != charts.dose_curve(weaker, "x")
    assert charts.null_strip(replay, None, "x") != charts.null_strip(replay, first.family, "x")
    fewer = replace(replay, null=replay.null[:-1])
    assert charts.null_strip(replay, None, "x") != charts.null_strip(fewer, None, "x")


def test_suspect_alone_is_marked(build: ModuleType) -> None:
    replay = build.replay(strong=True)
    assert "fill-suspect" in charts.null_strip(replay, replay.families[0].family, "x")
    assert "suspect" not in charts.null_strip(replay, None, "x")


def test_tau_is_drawn_where_it_does_not_flatten_the_curves(build: ModuleType) -> None:
    steps = build.cleaning().steps
    assert ">tau<" in charts.drift(steps, 0.4, "x")
    assert ">tau<" not in charts.drift(steps, 2.15, "x")
    assert ">tau<" not in charts.drift(steps, None, "x")


def test_inversion_stands_for_a_trigger_that_never_fired(build: ModuleType) -> None:
    rounds = build.cleaning().rounds
    silent = tuple(replace(item, attack_success=None) for item in rounds)
    assert ">attack success<" in charts.tradeoff(rounds, "x")
    assert ">reached by inversion<" in charts.tradeoff(silent, "x")


@pytest.mark.parametrize("points", [1, 2])
def test_short_curves_are_drawn(build: ModuleType, points: int) -> None:
    first = build.family(0, strong=True)
    assert "<svg" in charts.dose_curve(replace(first, curve=first.curve[:points]), "x")
    steps = build.cleaning().steps[:points]
    assert "<svg" in charts.drift(steps, None, "x")
    assert "<svg" in charts.tradeoff(build.cleaning().rounds[:points], "x")


def test_settings_of_the_process_neither_matter_nor_change(build: ModuleType) -> None:
    wanted = every_chart(build)
    with mpl.rc_context({"font.size": 31, "axes.grid": True, "lines.linewidth": 9}):
        assert every_chart(build) == wanted
        assert mpl.rcParams["font.size"] == 31
