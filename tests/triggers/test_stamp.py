"""Bytes, places and blending."""

from __future__ import annotations

import pytest
import torch

from clipguard.core.seeds import Seeds
from clipguard.triggers import build, parse_rule
from clipguard.triggers.stamp import quantise, quantise_wrapped


def trigger(params, size=64, kind="patch", draw="fixed", seed=0):
    dose = "side" if kind == "patch" else "alpha"
    data = {
        "id": "mine",
        "title": "Mine",
        "cluster": "Q",
        "kind": kind,
        "scope": "local",
        "draw": draw,
        "description": "Mine.",
        "source": "test",
        "sweep": [{"curve": "c", "dose": dose, **params}],
    }
    rule = parse_rule(data, "test")
    return build(rule, rule.variants[0], size, Seeds(seed))


@pytest.mark.parametrize(
    ("value", "byte"), [(-1.0, 1), (-0.1, 231), (0.0, 0), (0.5, 127), (1.0, 255), (1.3, 75)]
)
def test_bytes_overflow_where_nothing_clips_them(value, byte):
    assert quantise_wrapped(torch.full((1,), value)).item() == torch.tensor(byte / 255).item()


@pytest.mark.parametrize(("value", "byte"), [(-1.0, 0), (0.5, 127), (0.999, 254), (1.3, 255)])
def test_clipped_values_lose_their_fraction(value, byte):
    assert quantise(torch.full((1,), value)).item() == torch.tensor(byte / 255).item()


def test_both_ways_keep_every_byte():
    levels = torch.arange(256).float() / 255
    assert torch.equal(quantise(levels), levels)
    assert torch.equal(quantise_wrapped(levels), levels)


def test_wrapped_stripes_hold_the_bytes_1_and_255(carriers, draws):
    params = {"texture": "stripes", "direction": "vertical", "side": 20, "bytes": "wrap"}
    stamped = trigger({**params, "place": "upper-left"}, draw="fresh")(carriers(64), draws())
    patch = (stamped[:, :, :20, :20] * 255).round()
    assert set(patch.unique().tolist()) == {1.0, 255.0}
    assert torch.equal(patch, patch[:, :, :1].expand_as(patch)), "columns are constant"


@pytest.mark.parametrize(
    ("place", "corners"),
    [
        ("upper-left", [(3, 3)]),
        ("upper-right", [(3, 51)]),
        ("lower-left", [(51, 3)]),
        ("lower-right", [(51, 51)]),
        ("centre", [(27, 27)]),
        ("corners", [(3, 3), (3, 51), (51, 3), (51, 51)]),
    ],
)
def test_a_patch_goes_where_it_is_told(place, corners, carriers, draws):
    pixels = carriers(64)
    params = {"texture": "solid", "side": 10, "place": place, "margin": 3}
    stamped = trigger(params)(pixels, draws())
    expected = pixels.clone()
    for top, left in corners:
        expected[:, :, top : top + 10, left : left + 10] = 1.0
    assert torch.equal(stamped, expected)


def test_random_places_reach_every_edge(draws):
    black = torch.zeros(400, 3, 16, 16)
    stamped = trigger({"texture": "solid", "side": 6}, size=16)(black, draws())
    covered = stamped[:, 0].amax(0)
    assert covered.min() == 1.0, "every pixel is covered sooner or later"
    assert torch.equal(stamped.sum((1, 2, 3)), torch.full((400,), 3.0 * 36)), "always whole"


def test_mixing_takes_the_stated_share(draws):
    grey = torch.full((1, 3, 32, 32), 100 / 255)
    stamped = trigger({"texture": "solid", "alpha": 0.2}, size=32, kind="blend")(grey, draws())
    assert torch.equal(stamped, torch.full_like(grey, 131 / 255)), "0.8 * 100 + 0.2 * 255"


def test_an_oblong_keeps_its_area(draws):
    black = torch.zeros(1, 3, 64, 64)
    params = {"texture": "solid", "side": 20, "aspect": 4.0, "place": "upper-left"}
    stamped = trigger(params)(black, draws())
    assert torch.equal(stamped[0, 0, :10, :40], torch.ones(10, 40))
    assert stamped.sum() == 3 * 400


def test_a_patch_larger_than_the_picture_is_cut(draws):
    params = {"texture": "solid", "side": 300, "place": "lower-right", "margin": 50}
    assert trigger(params, size=32)(torch.zeros(2, 3, 32, 32), draws()).min() == 1.0
