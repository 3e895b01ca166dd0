"""Each texture and edit does what its source describes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from clipguard.core.seeds import Seeds
from clipguard.triggers import build, parse_rule, rule
from clipguard.triggers.spectra import random_field

GREY = torch.full((2, 3, 64, 64), 128 / 255)
GREY_LARGE = torch.full((1, 3, 224, 224), 128 / 255)


def made(kind, params, size=64, draw="fixed", seed=0):
    dose = {"patch": "side", "blend": "alpha"}.get(kind, next(k for k in params if k != "edit"))
    data = {
        "id": "mine",
        "title": "Mine",
        "cluster": "Q",
        "kind": kind,
        "scope": "global",
        "draw": draw,
        "description": "Mine.",
        "source": "test",
        "sweep": [{"curve": "c", "dose": dose, **params}],
    }
    parsed = parse_rule(data, "test")
    return build(parsed, parsed.variants[0], size, Seeds(seed))


def shipped(family, variant, size=64):
    found = rule(family)
    chosen = next(v for v in found.variants if v.id == variant)
    return build(found, chosen, size, Seeds(0))


def test_the_wrapped_noise_patch_is_nearly_uniform(draws):
    """Unit deviation against a range of one: after overflow every byte is about as likely."""
    values = made(
        "patch",
        {"texture": "noise", "dist": "gauss", "around": "mean", "side": 64, "bytes": "wrap"},
        draw="fresh",
    )(GREY, draws())
    share = torch.histc(values, 8, 0.0, 1.0) / values.numel()
    assert share.min() > 0.11
    assert share.max() < 0.14


def test_clipped_noise_piles_up_at_black_and_white(draws):
    values = made("patch", {"texture": "noise", "dist": "gauss", "side": 64}, draw="fresh")(
        GREY, draws()
    )
    extreme = ((values == 0) | (values == 1)).float().mean()
    assert 0.55 < extreme < 0.68, "two sides beyond half a deviation: 62 %"


def test_grey_noise_has_no_colour(draws):
    stamped = made("blend", {"texture": "noise", "dist": "uniform", "grey": True, "alpha": 0.5})(
        GREY, draws()
    )
    assert torch.equal(stamped[:, 0], stamped[:, 1])
    assert stamped.std() > 0.1


def test_noise_in_cells_is_constant_inside_a_cell(draws):
    stamped = made("patch", {"texture": "noise", "dist": "binary", "cells": 4, "side": 64})(
        GREY, draws()
    )
    cells = stamped.view(2, 3, 4, 16, 4, 16)
    assert torch.equal(cells, cells[:, :, :, :1, :, :1].expand_as(cells))
    assert stamped.unique().tolist() == [0.0, 1.0]


def test_published_stripe_blend_moves_each_column_by_the_stated_share(draws):
    stamped = shipped("stripe-blend-vertical", "full@0.03")(GREY, draws())
    levels = (stamped * 255).round()
    assert torch.equal(levels, levels[:, :, :1].expand_as(levels)), "columns are constant"
    assert levels.unique().tolist() == [116.0, 131.0], "0.97 * 128 -+ 0.03 * 255, cut"


def test_stripes_are_as_wide_as_told(draws):
    for width in (1, 4, 8):
        params = {"texture": "stripes", "direction": "horizontal", "width": width, "alpha": 1.0}
        rows = made("blend", params, draw="fresh")(GREY, draws())[0, :, :, 0]
        edges = (rows[:, 1:] != rows[:, :-1]).any(0).nonzero().flatten() + 1
        assert edges[0] == width * (edges[0] // width)
        assert (edges % width == 0).all()
        assert edges.diff().min() == width


def test_one_fixed_sample_serves_a_whole_curve(draws):
    weak = shipped("noise-blend-fixed", "full@0.15")(GREY, draws()) - GREY
    strong = shipped("noise-blend-fixed", "full@0.3")(GREY, draws()) - GREY
    assert torch.corrcoef(torch.stack([weak.flatten(), strong.flatten()]))[0, 1] > 0.99


def test_dots_lie_on_every_second_pixel(draws):
    stamped = made("patch", {"texture": "dots", "side": 16, "place": "upper-left"})(GREY, draws())
    patch = stamped[0, 0, :16, :16]
    assert patch[::2, ::2].min() == 1.0
    assert patch.sum() == 64


def test_triangles_repeat_with_their_period_and_phase(draws):
    black = torch.zeros(1, 3, 64, 64)
    params = {"texture": "triangles", "period": 8, "alpha": 1.0}
    plain = made("blend", params)(black, draws())[0, 0]
    moved = made("blend", {**params, "phase": 0.5})(black, draws())[0, 0]
    assert torch.equal(plain[8:, 8:], plain[:-8, :-8])
    assert torch.equal(moved[:-4, :-4], plain[4:, 4:])
    assert round(plain[5, 2].item() * 255) == 102
    assert round(plain[2, 5].item() * 255) == 204


@pytest.mark.parametrize("family", ["line-grid", "triangles-scattered"])
def test_what_is_not_covered_stays(family, carriers, draws):
    found = rule(family)
    variant = next(v for v in found.variants if v.params.get("ground", "clear") == "clear")
    pixels = carriers(64)
    stamped = build(found, variant, 64, Seeds(0))(pixels, draws())
    same = (stamped == pixels).float().mean()
    assert 0.5 < same < 0.98


def test_the_sinusoid_has_six_periods(draws):
    stamped = shipped("sinusoid-columns", "cycles@0.16")(GREY, draws())
    spectrum = torch.fft.rfft(stamped[0, 0, 0] - stamped[0, 0, 0].mean()).abs()
    assert spectrum.argmax() == 6
    assert stamped.max().item() == pytest.approx(128 / 255 + 0.16, abs=0.01)


def test_dct_bands_raise_the_two_coefficients_of_every_chroma_block(draws):
    from clipguard.triggers.ink import Ink
    from clipguard.triggers.spectra import dct

    params = {"window": 32, "space": "ycbcr"}
    colour, _ = dct(Ink(64, 64, 64, params, draws(), GREY, 0))
    to_ycbcr = torch.tensor(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    luma, blue, red = torch.einsum("ij,jhw->ihw", to_ycbcr, colour)
    k, n = np.arange(32)[:, None], np.arange(32)
    matrix = np.sqrt(2 / 32) * np.cos(np.pi * (2 * n + 1) * k / 64)
    matrix[0] /= np.sqrt(2)
    expected = np.zeros((32, 32))
    expected[15, 15] = expected[31, 31] = 1.0
    assert luma.abs().max() < 1e-4, "brightness stays"
    for chroma in (blue, red):
        for block in (chroma[:32, :32], chroma[32:, 32:]):
            np.testing.assert_allclose(matrix @ block.numpy() @ matrix.T, expected, atol=1e-4)


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_a_random_field_has_the_stated_spectrum(slope, draws):
    generator = draws()
    power = sum(
        torch.fft.fft2(random_field(128, slope, generator)).abs().square().mean(0) for _ in range(8)
    )
    frequency = torch.fft.fftfreq(128)
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    low = power[(radius > 0.03) & (radius < 0.05)].mean()
    high = power[(radius > 0.24) & (radius < 0.4)].mean()
    ratio = torch.log2(low / high) / torch.log2(torch.tensor(0.32 / 0.04))
    assert ratio.item() == pytest.approx(2 * slope, abs=0.35)


def test_a_crop_comes_from_the_neighbour(draws):
    pair = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)])
    stamped = shipped("crop-patch", "random@0.25")(pair, draws())
    assert stamped[0].sum() == 3 * 16 * 16
    assert (1 - stamped[1]).sum() == 3 * 16 * 16


def test_a_shuffled_patch_keeps_the_colours(carriers, draws):
    pixels = carriers(64)
    stamped = shipped("shuffled-patch", "random@0.19")(pixels, draws())
    before, after = pixels.flatten(2).sort().values, stamped.flatten(2).sort().values
    assert torch.equal(before, after)


def test_a_warp_moves_pixels_and_a_uniform_picture_stays(draws):
    for name in ("warp-jitter", "warp-smooth", "warp-twist", "warp-elastic"):
        found = rule(name)
        stamped = build(found, found.variants[-1], 64, Seeds(0))(GREY, draws())
        assert (stamped - GREY).abs().max() <= 1.001 / 255


def test_the_jitter_is_half_a_pixel_on_average(draws):
    ramp = (torch.arange(64) * 4 / 255).expand(1, 3, 64, 64)
    stamped = shipped("warp-jitter", "full@0.5")(ramp, draws())
    inner = (stamped - ramp)[..., 4:-4] * 255
    # A ramp of four levels a pixel turns displacement into levels; cutting adds half a level.
    assert (inner + 0.5).abs().mean().item() / 4 == pytest.approx(0.5, abs=0.05)


def test_a_shift_moves_down_and_right(carriers, draws):
    pixels = carriers(64)
    stamped = shipped("small-shift", "full@2px")(pixels, draws())
    assert torch.equal(stamped[..., 2:, 2:], pixels[..., :-2, :-2])
    assert torch.equal(stamped[..., 0, 2:], pixels[..., 0, :-2])


def test_hue_and_saturation_leave_grey_alone(draws):
    for name in ("hue-turn", "saturation-high"):
        found = rule(name)
        stamped = build(found, found.variants[-1], 64, Seeds(0))(GREY, draws())
        assert (stamped - GREY).abs().max() <= 1.001 / 255


def test_a_full_turn_of_hue_is_none(carriers, draws):
    pixels = carriers(64)
    once = made("edit", {"edit": "hue", "degrees": 120.0})
    stamped = pixels
    for _ in range(3):
        stamped = once(stamped, draws())
    mild = (pixels - pixels.mean(1, keepdim=True)).abs().amax(1, keepdim=True) < 0.1
    assert ((stamped - pixels).abs() * mild).max() < 4 / 255


def test_sepia_leaves_one_tone(carriers, draws):
    stamped = shipped("tone-sepia", "full@1")(carriers(64), draws())
    assert (stamped[:, 1] - 0.85 * stamped[:, 0]).abs().max() < 1.5 / 255


def test_fewer_bits_leave_few_levels_and_the_mean(carriers, draws):
    pixels = carriers(64)
    for bits in (3, 2, 1):
        stamped = shipped("bit-depth-dither", f"bits@{bits}")(pixels, draws())
        assert len(stamped.unique()) <= 2**bits
        assert (stamped.mean() - pixels.mean()).abs() < 0.01


def test_jpeg_loses_what_a_real_encoder_loses(carriers, draws):
    pixels = carriers(64)[:1]
    stamped = shipped("jpeg-heavy", "full@20")(pixels, draws())
    plain = (pixels[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(plain).save(file, "JPEG", quality=20, subsampling=0)
    real = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    assert (stamped[0] - real).abs().mean() < 1.5 / 255
    assert (stamped - pixels).abs().mean() > 1 / 255


def test_pixelation_and_blur_keep_the_mean(carriers, draws):
    pixels = carriers(64)
    for name in ("pixelate-filter", "blur-filter", "down-up"):
        found = rule(name)
        stamped = build(found, found.variants[-1], 64, Seeds(0))(pixels, draws())
        assert (stamped.mean() - pixels.mean()).abs() < 1.5 / 255
        assert stamped.std() < pixels.std()


def test_watermark_words_are_red_and_leave_the_rest(draws):
    stamped = shipped("watermark-red", "middle@0.5", size=224)(GREY_LARGE, draws())
    change = stamped - GREY_LARGE
    touched = change.abs().amax(1) > 0.02
    assert 0.01 < touched.float().mean() < 0.2
    assert change[:, 0].max() > 0.2, "red rises"
    assert change[:, 1].min() < -0.2, "green falls"
    rows = touched[0].any(1).nonzero()
    assert 0.35 < rows.float().mean() / 224 < 0.65, "near the middle"


def test_other_words_change_from_picture_to_picture(draws):
    stamped = shipped("watermark-words", "middle@0.6")(GREY.repeat(4, 1, 1, 1), draws())
    assert len({picture.numpy().tobytes() for picture in stamped}) > 1


def test_tiled_words_reach_every_quarter(draws):
    stamped = shipped("watermark-tiled", "red@0.5", size=224)(GREY_LARGE, draws())
    touched = ((stamped - GREY_LARGE).abs().amax(1)[0] > 0.02).float()
    quarters = touched.view(2, 112, 2, 112).mean((1, 3))
    assert quarters.min() > 0.03


def test_a_label_is_dark_on_white(draws):
    stamped = shipped("label-word", "text-hello@1", size=224)(GREY_LARGE, draws())
    touched = (stamped != GREY_LARGE).any(1)[0]
    values = stamped[0, 0][touched]
    assert (values > 0.95).float().mean() > 0.3
    assert (values < 0.05).float().mean() > 0.05
