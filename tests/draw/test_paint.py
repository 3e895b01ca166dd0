from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipguard.draw import paint
from clipguard.draw.paint import Dress, Place
from clipguard.draw.shapes import parse

SIDE = 120
COLOURS = {
    "main": (220, 30, 30),
    "second": (30, 30, 220),
    "paper": (250, 250, 250),
    "dark": (20, 20, 20),
    "light": (250, 250, 250),
}
BOX = (parse(["main", "box", 20, 30, 60, 40], "box"),)
WHOLE = Place(0.5, 0.5, 1.0)


def draw(pieces=BOX, place=WHOLE, **dress):
    canvas = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    paint.thing(canvas, pieces, place, Dress(COLOURS, **dress))
    return np.asarray(canvas, dtype=int)


def painted(picture):
    return np.abs(picture - 120).sum(axis=2) > 30


def test_a_box_lands_where_its_numbers_say():
    rows, columns = np.nonzero(painted(draw()))
    assert columns.min() == pytest.approx(0.2 * SIDE, abs=2)
    assert columns.max() == pytest.approx(0.8 * SIDE, abs=2)
    assert rows.min() == pytest.approx(0.3 * SIDE, abs=2)
    assert rows.max() == pytest.approx(0.7 * SIDE, abs=2)


def test_turning_by_a_quarter_swaps_width_and_height():
    rows, columns = np.nonzero(painted(draw(place=Place(0.5, 0.5, 1.0, angle=90))))
    assert np.ptp(rows) == pytest.approx(0.6 * SIDE, abs=3)
    assert np.ptp(columns) == pytest.approx(0.4 * SIDE, abs=3)


def test_flipping_mirrors():
    left = (parse(["main", "box", 5, 30, 20, 40], "left"),)
    plain, flipped = (
        painted(draw(left, Place(0.5, 0.5, 1.0, flip=flip))) for flip in (False, True)
    )
    assert np.argwhere(plain)[:, 1].mean() < SIDE / 2 < np.argwhere(flipped)[:, 1].mean()


def test_flat_fills_with_the_colour():
    assert tuple(draw()[SIDE // 2, SIDE // 2]) == COLOURS["main"]


def test_an_outline_is_paper_with_a_coloured_edge():
    picture = draw(style="outline")
    assert tuple(picture[SIDE // 2, SIDE // 2]) == COLOURS["paper"]
    assert (picture == COLOURS["main"]).all(axis=2).any()


def test_a_cartoon_has_a_dark_contour_around_its_colour():
    picture = draw(style="cartoon")
    assert tuple(picture[SIDE // 2, SIDE // 2]) == COLOURS["main"]
    assert picture[round(0.3 * SIDE) - 1, SIDE // 2].max() < 60


def test_shading_brightens_the_upper_left_and_throws_a_shadow():
    picture = draw(style="shaded").sum(axis=2)
    upper_left, lower_right = picture[45, 35], picture[78, 90]
    assert upper_left > lower_right + 60
    assert picture[round(0.7 * SIDE) + 3, 70] < 360


def test_a_texture_brings_in_the_second_colour():
    inside = draw(texture="striped")[40:80, 30:90].reshape(-1, 3)
    found = {tuple(colour) for colour in inside}
    assert {COLOURS["main"], COLOURS["second"]} <= found


@pytest.mark.parametrize("style", paint.STYLES)
@pytest.mark.parametrize("place", [Place(0.5, 0.5, 0.02), Place(0.02, 0.98, 0.5), Place(3, 3, 0.2)])
def test_tiny_things_and_things_beyond_the_edge_do_no_harm(style, place):
    assert draw(place=place, style=style, texture="dotted").shape == (SIDE, SIDE, 3)
