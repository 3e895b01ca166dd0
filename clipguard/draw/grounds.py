"""What lies behind things: flat, ramps, photograph-like noise, blurs, patterns, horizons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from clipguard.draw import fields, textures
from clipguard.draw.textures import Colour

_SIDE = 256
_BANK = 12
_MOSTLY = np.array([[0.7, 0.3], [0.3, 0.7]])  # most of a noise field lies between these mixtures


def ground(kind: str, colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    """RGB image of ``side`` pixels.

    Args:
        kind: one of :func:`kinds`.
        colours: three colours; what each means depends on the kind.
        variant: any integer; equal ones give equal grounds.
        side: pixels.
    """
    return _KINDS[kind](colours, variant, side)


def tones(kind: str, colours: Sequence[Colour]) -> list[Colour]:
    """The colours that most of such a ground has: what a thing must stand out from."""
    if kind == "noise":
        base, tone = (np.array(ends) for ends in _noise_ends(colours))
        return [_rgb(weights @ base) for weights in _MOSTLY] + [_rgb(tone.mean(axis=0))]
    if kind == "flat":
        return [colours[0]]
    return list(colours if kind in {"blurred", "leaves", "horizon"} else colours[:2])


def kinds() -> tuple[str, ...]:
    """Every ground that can be drawn."""
    return tuple(_KINDS)


def _flat(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    return Image.new("RGB", (side, side), colours[0])


def _linear(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    return _tinted(_ramp(variant % 8 * 45), colours, side)


def _radial(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    return _tinted(_radius(variant % 9), colours, side)


def _noise(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    """Two independent layers: brightness and hue, as in out-of-focus foliage, stone, skin, sky."""
    form, hue = (_rolled("noise", variant * 2 + layer) for layer in (0, 1))
    first, second = _noise_ends(colours)
    base, tone = textures.tint(form, *first), textures.tint(form, *second)
    return Image.composite(tone, base, hue.point(_CONTRAST)).resize(
        (side, side), Image.Resampling.BILINEAR
    )


def _noise_ends(colours: Sequence[Colour]) -> tuple[tuple[Colour, Colour], ...]:
    """Darkest and brightest colour of both layers."""
    dark, light, other = (np.array(colour) for colour in colours)
    return (
        (_rgb(dark * 0.55), _rgb(light * 0.7 + 77)),
        (_rgb(other * 0.5), _rgb(other * 0.8 + 51)),
    )


def _blurred(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    first, second = (_rolled("blobs", variant * 2 + layer) for layer in (0, 1))
    base = textures.tint(first, colours[0], colours[1])
    mixed = Image.composite(Image.new("RGB", base.size, colours[2]), base, second.point(_CONTRAST))
    return mixed.resize((side, side), Image.Resampling.BILINEAR)


def _leaves(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    field, hue = _rolled("leaves", variant), _rolled("leaves", variant)
    base = textures.tint(field, colours[0], colours[1])
    tone = Image.new("RGB", base.size, colours[2])
    scattered = hue.point([255 if value % 5 == 0 else 0 for value in range(256)])
    return Image.composite(tone, base, scattered).resize((side, side), Image.Resampling.BILINEAR)


def _pattern(texture: str) -> Callable[[Sequence[Colour], int, int], Image.Image]:
    def build(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
        return textures.tile(texture, variant, side, colours[0], colours[1])

    return build


def _horizon(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    """Colours: sky above, sky at the horizon, land. The land is grainy, the sky a ramp."""
    sky = textures.tint(_ramp(90), colours[0], colours[1]).resize((side, side))
    land = np.array(colours[2])
    grain = textures.tint(_rolled("noise", variant), _rgb(land * 0.7), _rgb(land * 1.15))
    top = round(side * (0.55 + 0.1 * (variant % 4)))
    sky.paste(grain.resize((side, side)).crop((0, 0, side, side - top)), (0, top))
    return sky


def _night(colours: Sequence[Colour], variant: int, side: int) -> Image.Image:
    """A dark ramp with points of light."""
    sky = textures.tint(_ramp(90), colours[0], colours[1]).resize((side, side))
    lights = _rolled("points", variant).resize((side, side), Image.Resampling.BILINEAR)
    sky.paste((255, 250, 225), (0, 0), lights)
    return sky


_CONTRAST = [min(max((value - 96) * 4, 0), 255) for value in range(256)]


def _tinted(grey: Image.Image, colours: Sequence[Colour], side: int) -> Image.Image:
    return textures.tint(grey, colours[0], colours[1]).resize(
        (side, side), Image.Resampling.BILINEAR
    )


def _rgb(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(np.rint(values), 0, 255).astype(int).tolist()
    return red, green, blue


@lru_cache(maxsize=16)
def _ramp(angle: int) -> Image.Image:
    return _grey(fields.linear_ramp(64, angle))


@lru_cache(maxsize=16)
def _radius(place: int) -> Image.Image:
    return _grey(fields.radial_ramp(64, 0.2 + 0.3 * (place % 3), 0.2 + 0.3 * (place // 3)))


def _rolled(name: str, variant: int) -> Image.Image:
    """A field of the bank, shifted and mirrored: few fields serve as many."""
    rng = np.random.Generator(np.random.PCG64(variant))
    choice, right, down, turn = rng.integers([_BANK, _SIDE, _SIDE, 8]).tolist()
    field = _bank(name, choice)
    if name != "leaves":
        field = np.roll(field, (down, right), (0, 1))
    field = np.rot90(field, turn % 4)
    return Image.fromarray(np.ascontiguousarray(field[::-1] if turn > 3 else field))


@lru_cache(maxsize=64)
def _bank(name: str, choice: int) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(7919 * (choice + 1)))
    return textures.quantised(_FIELDS[name](rng, choice))


def _points(rng: np.random.Generator, choice: int) -> np.ndarray:
    field = np.zeros((_SIDE, _SIDE))
    rows, columns = rng.integers(0, _SIDE, (2, 90))
    field[rows, columns] = rng.uniform(0.4, 1.0, 90)
    return np.maximum(field, 0.8 * np.roll(field, 1, 1))


_FIELDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "noise": lambda rng, choice: fields.spectral_noise(_SIDE, 0.9 + 0.1 * (choice % 8), rng),
    "blobs": lambda rng, choice: fields.spectral_noise(_SIDE, 2.6, rng),
    "leaves": lambda rng, choice: fields.dead_leaves(_SIDE, 160, rng),
    "points": _points,
}


def _grey(field: np.ndarray) -> Image.Image:
    return Image.fromarray(textures.quantised(field))


_KINDS: dict[str, Callable[[Sequence[Colour], int, int], Image.Image]] = {
    "flat": _flat,
    "linear": _linear,
    "radial": _radial,
    "noise": _noise,
    "blurred": _blurred,
    "leaves": _leaves,
    "striped": _pattern("striped"),
    "pinstriped": _pattern("pinstriped"),
    "dotted": _pattern("dotted"),
    "checked": _pattern("checked"),
    "bricked": _pattern("bricked"),
    "horizon": _horizon,
    "night": _night,
}
