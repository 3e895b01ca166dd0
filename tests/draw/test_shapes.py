from __future__ import annotations

import numpy as np
import pytest

from clipguard.core.errors import ConfigError
from clipguard.draw.shapes import parse, smooth

GOOD = [
    ["main", "poly", 0, 0, 100, 0, 50, 100],
    ["main", "blob", 10, 10, 90, 10, 90, 90, 10, 90],
    ["dark", "ellipse", 50, 50, 30, 20],
    ["dark", "ellipse", 50, 50, 30, 20, 45],
    ["main", "box", 10, 10, 80, 60],
    ["main", "box", 10, 10, 80, 60, 12],
    ["main", "star", 50, 50, 5, 48, 20],
    ["main", "pie", 50, 50, 40, 40, 0, 180],
    ["main", "line", 5, 10, 10, 90, 90],
    ["main", "curve", 5, 10, 10, 50, 20, 90, 90],
    ["main", "arc", 5, 50, 50, 40, 40, 0, 270],
]


@pytest.mark.parametrize("shape", GOOD)
def test_every_shape_lies_on_the_unit_square(shape):
    piece = parse(shape, "test")
    assert piece.role == shape[0]
    assert piece.outline.shape[1] == 2
    assert piece.outline.min() >= -0.05
    assert piece.outline.max() <= 1.05
    assert (piece.width > 0) == (shape[1] in {"line", "curve", "arc"})


@pytest.mark.parametrize(
    "shape",
    [
        [],
        ["main"],
        ["main", "pentagon", 1, 2],
        ["main", "poly", 1, 2, 3],
        ["main", "poly", 1, 2],
        ["main", "ellipse", 50, 50],
        ["main", "pie", 1, 2, 3],
        ["main", "box", "wide", 1, 2, 3],
        ["main", "star", 1],
    ],
)
def test_a_wrong_shape_is_named(shape):
    with pytest.raises(ConfigError, match="cannot draw") as caught:
        parse(shape, "banana")
    assert caught.value.where == "banana"


def test_an_ellipse_has_its_radii():
    outline = parse(["main", "ellipse", 50, 40, 30, 20], "test").outline
    assert np.ptp(outline[:, 0]) == pytest.approx(0.6, abs=0.01)
    assert np.ptp(outline[:, 1]) == pytest.approx(0.4, abs=0.01)
    turned = parse(["main", "ellipse", 50, 40, 30, 20, 90], "test").outline
    assert np.ptp(turned[:, 0]) == pytest.approx(0.4, abs=0.01)


def test_a_curve_goes_through_its_points():
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [4.0, 4.0]])
    for closed in (False, True):
        curve = smooth(points, closed)
        gaps = np.linalg.norm(curve[None] - points[:, None], axis=2).min(axis=1)
        assert gaps.max() < 1e-9
