from __future__ import annotations

import numpy as np
import pytest

from clipguard.draw import fields


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


@pytest.mark.parametrize(
    "field",
    [
        fields.spectral_noise(48, 1.0, rng()),
        fields.linear_ramp(48, 30),
        fields.radial_ramp(48, 0.2, 0.7),
        fields.stripes(48, 5, 20),
        fields.checks(48, 3),
        fields.dead_leaves(48, 40, rng()),
    ],
)
def test_fields_lie_between_0_and_1_and_are_not_constant(field):
    assert field.shape == (48, 48)
    assert field.min() >= 0
    assert field.max() <= 1
    assert field.std() > 0.05


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_amplitude_falls_with_the_slope_asked_for(slope):
    spectra = [
        np.abs(np.fft.fft2(fields.spectral_noise(64, slope, rng(seed)))) for seed in range(12)
    ]
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    bins = [(0.06, 0.1), (0.3, 0.5)]
    low, high = (
        np.mean([spectrum[(radius > a) & (radius < b)].mean() for spectrum in spectra])
        for a, b in bins
    )
    measured = np.log(low / high) / np.log(0.4 / 0.08)
    assert measured == pytest.approx(slope, abs=0.15)


def test_noise_is_periodic():
    field = fields.spectral_noise(64, 1.5, rng())
    seam = np.abs(field[:, 0] - field[:, -1]).mean()
    inside = np.abs(np.diff(field, axis=1)).mean()
    assert seam < 2 * inside


def test_equal_streams_give_equal_noise():
    assert np.array_equal(
        fields.spectral_noise(32, 1, rng(3)), fields.spectral_noise(32, 1, rng(3))
    )
    assert not np.array_equal(
        fields.spectral_noise(32, 1, rng(3)), fields.spectral_noise(32, 1, rng(4))
    )


def test_stripes_and_checks_count_their_periods():
    row = fields.stripes(120, 6)[0]
    assert (np.diff(row) > 0).sum() == pytest.approx(6, abs=1)
    board = fields.checks(120, 3)
    assert (np.diff(board[0]) != 0).sum() == 5
    assert (np.diff(board[:, 0]) != 0).sum() == 5
