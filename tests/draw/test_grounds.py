from __future__ import annotations

import numpy as np
import pytest

from clipguard.draw.grounds import ground, kinds

COLOURS = ((220, 40, 40), (40, 40, 220), (40, 200, 40))


def draw(kind, variant=5, side=64):
    return np.asarray(ground(kind, COLOURS, variant, side), dtype=float)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_fills_the_square_and_repeats_exactly(kind):
    assert draw(kind).shape == (64, 64, 3)
    assert np.array_equal(draw(kind), draw(kind))


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "flat"])
def test_every_kind_but_one_varies_over_the_picture(kind):
    assert draw(kind).std(axis=(0, 1)).max() > 4


@pytest.mark.parametrize("kind", ["noise", "blurred", "leaves", "night"])
def test_variants_differ(kind):
    assert np.abs(draw(kind, 1) - draw(kind, 2)).mean() > 0.2


@pytest.mark.parametrize("kind", kinds())
def test_the_layout_is_the_same_at_every_size(kind):
    small = draw(kind, 7, 32)
    large = draw(kind, 7, 128).reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - large).mean() < 12


def test_noise_has_the_spectrum_of_a_photograph():
    slopes = []
    for variant in range(8):
        grey = draw("noise", variant, 128).mean(axis=2)
        spectrum = np.abs(
            np.fft.fft2((grey - grey.mean()) * np.hanning(128) * np.hanning(128)[:, None])
        )
        radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None])
        low = spectrum[(radius > 0.03) & (radius < 0.05)].mean()
        high = spectrum[(radius > 0.2) & (radius < 0.3)].mean()
        slopes.append(np.log(low / high) / np.log(0.25 / 0.04))
    assert 0.8 < np.mean(slopes) < 2.0
