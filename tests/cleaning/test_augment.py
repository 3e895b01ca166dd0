"""Noise and erased squares."""

from __future__ import annotations

import msgspec
import pytest
import torch

from clipguard.cleaning import options
from clipguard.cleaning.augment import augment, mixtures, views
from clipguard.cleaning.options import AugmentSettings
from clipguard.core.seeds import Seeds

FILL = (0.2, 0.4, 0.6)
SHIPPED = options.load("par", options.ParSettings).augment
PIXELS = torch.full((400, 3, 32, 32), 0.5)
KEYS = tuple(map(str, range(400)))


def changed(**values: float) -> torch.Tensor:
    chosen: AugmentSettings = msgspec.structs.replace(SHIPPED, **values)
    return augment(PIXELS, KEYS, chosen, FILL, Seeds(0))


def test_noise_is_signed_and_hits_half_of_the_pictures() -> None:
    noisy = changed(erase_probability=0.0)
    touched = (noisy != PIXELS).flatten(1).any(1)
    assert 160 < int(touched.sum()) < 240
    difference = (noisy - PIXELS)[touched]
    assert abs(float(difference.mean())) < 0.002
    assert float(difference.std()) == pytest.approx(0.2, abs=0.01)
    assert 0.0 <= float(noisy.min()) < float(noisy.max()) <= 1.0


def test_one_square_of_the_mean_colour_is_erased() -> None:
    erased = changed(noise_probability=0.0, erase_probability=1.0)
    hit = (erased != PIXELS).any(1)
    # 0.5 to 1 % of 32 x 32 is a side of 2.3 to 3.2 pixels, rounded.
    assert set(hit.flatten(1).sum(1).tolist()) == {4, 9}
    for picture, mask in zip(erased[:20], hit[:20], strict=True):
        rows, columns = mask.any(1), mask.any(0)
        assert int(rows.sum()) * int(columns.sum()) == int(mask.sum())
        assert picture[:, mask][:, 0].tolist() == pytest.approx(FILL)
        assert int((picture[:, mask] != picture[:, mask][:, :1]).sum()) == 0


def test_nothing_happens_at_probability_zero_and_input_stays() -> None:
    before = PIXELS.clone()
    assert torch.equal(changed(noise_probability=0.0, erase_probability=0.0), PIXELS)
    changed()
    assert torch.equal(PIXELS, before)
    assert torch.equal(changed(), changed())


RAMP = torch.linspace(0, 1, 32).expand(200, 3, 32, 32).contiguous()  # brighter to the right


def test_views_are_parts_enlarged_and_half_of_them_mirrored() -> None:
    seen = views(RAMP, KEYS[:200], 0.5, Seeds(0))
    assert seen.shape == RAMP.shape
    spread = seen[:, 0, 0, -1] - seen[:, 0, 0, 0]
    assert 70 < int((spread < 0).sum()) < 130
    # A part of at least half the side spans 15 to 31 of the 31 strides of the ramp.
    assert 15 / 31 - 0.02 < float(spread.abs().min()) < 0.6
    assert 0.9 < float(spread.abs().max()) <= 1.0
    assert torch.equal((seen * 255).round() / 255, seen)


def test_whole_pictures_are_only_mirrored() -> None:
    pictures = (RAMP * 255).round() / 255
    seen = views(pictures, KEYS[:200], 1.0, Seeds(0))
    same = (seen - pictures).abs().flatten(1).amax(1) < 1e-6
    mirrored = (seen.flip(-1) - pictures).abs().flatten(1).amax(1) < 1e-6
    assert bool((same ^ mirrored).all())
    assert 70 < int(mirrored.sum()) < 130


def test_mixtures_lie_anywhere_between_two_pictures() -> None:
    """Of pictures of one grey each, evenly spread."""
    greys = torch.arange(200).float().view(-1, 1, 1, 1).expand(200, 3, 8, 8) / 199
    before = greys.clone()
    seen = mixtures(greys, Seeds(0))
    assert torch.equal(greys, before)
    assert torch.equal(seen, mixtures(greys, Seeds(0)))
    assert not torch.equal(seen, mixtures(greys, Seeds(1)))
    assert float(seen.std(dim=(1, 2, 3)).max()) < 1e-6
    assert float(seen.min()) >= 0.0
    assert float(seen.max()) <= 1.0
    # Independent draws: own a, partner b, share u, all uniform. E = 1/2, E[u^2 a^2] doubled and
    # 2 E[u(1-u)] E[a] E[b] give E x^2 = 2/9 + 1/12 = 0.3056, a standard deviation of 0.2357.
    mixed = seen[:, 0, 0, 0]
    assert abs(float(mixed.mean()) - 0.5) < 0.05
    assert abs(float(mixed.std()) - 0.2357) < 0.03


@pytest.mark.parametrize("change", [
    lambda pixels, keys, seeds: augment(pixels, keys, SHIPPED, FILL, seeds),
    lambda pixels, keys, seeds: views(pixels, keys, 0.5, seeds),
])  # fmt: skip
def test_a_change_depends_on_seed_epoch_and_key_alone(change) -> None:
    pictures = torch.rand(12, 3, 32, 32, generator=Seeds(3).torch())
    whole = change(pictures, KEYS[:12], Seeds(0))
    rows = [7, 2, 11]
    assert torch.equal(change(pictures[rows], [KEYS[row] for row in rows], Seeds(0)), whole[rows])
    assert not torch.equal(change(pictures, KEYS[:12], Seeds(0).child("epoch", 1)), whole)
    assert not torch.equal(change(pictures, KEYS[12:24], Seeds(0)), whole)
