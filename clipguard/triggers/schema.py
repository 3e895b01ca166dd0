"""Which parameters a trigger has, with their types, ranges and defaults. Needs no torch.

A length is a fraction of the picture's side when written as a float (``0.07``) and a number of
pixels when written as an integer (``1``): one-pixel textures stay one pixel wide at any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from clipguard.core.errors import ConfigError

Value = float | int | str | bool
MAX_PIXELS = 4096
CORNERS = ("upper-left", "upper-right", "lower-left", "lower-right")
PLACES = ("random", "centre", "corners", *CORNERS)


@dataclass(frozen=True)
class Number:
    """A finite number in ``low..high``, stored as a float."""

    low: float
    high: float
    default: float | None = None

    def check(self, value: object) -> float:
        """The value as a float; ValueError tells what was expected."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("expected a number")
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValueError(f"expected {self.low:g} to {self.high:g}")
        return float(value)


@dataclass(frozen=True)
class Whole:
    """An integer in ``low..high``."""

    low: int
    high: int
    default: int | None = None

    def check(self, value: object) -> int:
        """The value; ValueError tells what was expected."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("expected an integer")
        if not self.low <= value <= self.high:
            raise ValueError(f"expected {self.low} to {self.high}")
        return value


@dataclass(frozen=True)
class Length:
    """A fraction of the side (float) or a number of pixels (integer), at least ``minimum`` px."""

    minimum: int = 1
    default: float | int | None = None

    def check(self, value: object) -> float | int:
        """The value; ValueError tells what was expected."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("expected a length: 0.1 (fraction of the side) or 8 (pixels)")
        if isinstance(value, int):
            if not self.minimum <= value <= MAX_PIXELS:
                raise ValueError(f"expected {self.minimum} to {MAX_PIXELS} pixels")
            return value
        if not 0.0 <= value <= 1.0:
            raise ValueError("expected a fraction of the side, 0.0 to 1.0")
        return value

    def pixels(self, value: float | int, image_size: int) -> int:
        """The length in pixels for a picture of ``image_size``, never more than the picture."""
        length = value if isinstance(value, int) else round(value * image_size)
        return min(max(length, self.minimum), image_size)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    default: str | None = None

    def check(self, value: object) -> str:
        """The value; ValueError names the nearest option."""
        if not isinstance(value, str):
            raise ValueError(f"expected one of {', '.join(self.options)}")
        if value not in self.options:
            raise ValueError(f"{nearest(value, self.options)}")
        return value


@dataclass(frozen=True)
class Words:
    """Printable text, 1..60 characters; ``|`` separates texts of which one is drawn."""

    default: str | None = None

    def check(self, value: object) -> str:
        """The value; ValueError tells what was expected."""
        if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 60:
            raise ValueError("expected printable text of 1 to 60 characters")
        if not all(part.strip() for part in value.split("|")):
            raise ValueError("expected text on both sides of |")
        return value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    default: bool | None = None

    def check(self, value: object) -> bool:
        """The value; ValueError tells what was expected."""
        if not isinstance(value, bool):
            raise ValueError("expected true or false")
        return value


Spec = Number | Whole | Length | Choice | Words | Flag
Specs = Mapping[str, Spec]

_UNIT = Number(0.0, 1.0)
_SEED_SHADE = Number(0.0, 1.0, default=1.0)
_SIGMA = Number(0.001, 0.1)
_SPACE = Choice(("yuv", "ycbcr"))

TEXTURES: Mapping[str, Specs] = {
    "noise": {
        "dist": Choice(("uniform", "gauss", "binary")),
        "cells": Whole(0, 64, default=0),
        "low": Number(-1.0, 1.0, default=0.0),
        "around": Choice(("grey", "mean"), default="grey"),
        "grey": Flag(default=False),
    },
    "stripes": {
        "direction": Choice(("vertical", "horizontal")),
        "width": Length(default=1),
        "low": Number(-1.0, 1.0, default=-1.0),
    },
    "dots": {"pitch": Length(minimum=2, default=2)},
    "checker": {"cell": Length(), "colours": Choice(("white", "random"), default="white")},
    "triangles": {
        "period": Length(minimum=3),
        "phase": Number(0.0, 1.0, default=0.0),
        "colours": Choice(("grey", "random"), default="grey"),
    },
    "scatter": {
        "count": Number(1.0, 400.0),
        "extent": Length(minimum=3),
        "ground": Choice(("black", "clear"), default="clear"),
    },
    "lines": {"pitch": Length(minimum=3), "width": Length(default=1), "shade": _SEED_SHADE},
    "solid": {
        "colours": Choice(("given", "random"), default="given"),
        "red": _SEED_SHADE,
        "green": _SEED_SHADE,
        "blue": _SEED_SHADE,
    },
    "frame": {"border": Length(), "fill": Choice(("white", "noise"))},
    "words": {
        "text": Words(),
        "height": Length(minimum=5),
        "layout": Choice(("one", "tiled"), default="one"),
        "drop": Number(-0.5, 0.5, default=0.0),
        "angle": Number(-90.0, 90.0, default=0.0),
        "red": _SEED_SHADE,
        "green": Number(0.0, 1.0, default=0.0),
        "blue": Number(0.0, 1.0, default=0.0),
        "ground": Choice(("clear", "box"), default="clear"),
    },
    "figure": {
        "figure": Choice(("cat", "face", "logo")),
        "ground": Choice(("white", "clear"), default="clear"),
    },
    "scene": {"blurred": Flag(default=False)},
    "sinusoid": {
        "cycles": Number(0.5, 128.0),
        "direction": Choice(("columns", "rows", "diagonal")),
    },
    "dct": {"window": Length(minimum=8), "space": _SPACE},
    "field": {"slope": Number(0.0, 4.0), "contrast": Number(0.0, 1.0, default=0.25)},
    "crop": {},
    "shuffle": {},
    "mean": {},
}

EDITS: Mapping[str, Specs] = {
    "jitter-warp": {"pixels": Number(0.0, 16.0)},
    "smooth-warp": {"grid": Whole(2, 64), "shift": _UNIT},
    "twist": {"degrees": Number(-180.0, 180.0)},
    "shift": {"shift": Length()},
    "tone": {
        "strength": Number(0.0, 1.0, default=1.0),
        "saturation": Number(0.0, 4.0, default=1.0),
        "contrast": Number(0.0, 4.0, default=1.0),
        "gamma": Number(0.1, 10.0, default=1.0),
        **{f"low_{c}": Number(-1.0, 1.0, default=0.0) for c in ("red", "green", "blue")},
        **{f"high_{c}": Number(0.0, 2.0, default=1.0) for c in ("red", "green", "blue")},
    },
    "hue": {"degrees": Number(-180.0, 180.0)},
    "colour-jitter": {"strength": Number(0.0, 1.0)},
    "bit-depth": {"bits": Whole(1, 7)},
    "blur": {"sigma": _SIGMA},
    "sharpen": {"sigma": _SIGMA, "amount": Number(0.0, 10.0)},
    "pixelate": {"cell": Length(minimum=2)},
    "rescale": {"factor": Number(1.0, 16.0)},
    "jpeg": {"quality": Whole(1, 100)},
}

KINDS: Mapping[str, Specs] = {
    "patch": {
        "texture": Choice(tuple(TEXTURES)),
        "side": Length(minimum=5),
        "place": Choice(PLACES, default="random"),
        "margin": Length(minimum=0, default=0),
        "aspect": Number(0.25, 4.0, default=1.0),
        "alpha": Number(0.0, 1.0, default=1.0),
        "bytes": Choice(("clip", "wrap"), default="clip"),
    },
    "blend": {
        "texture": Choice(tuple(TEXTURES)),
        "alpha": Number(0.0, 1.0),
        "mode": Choice(("mix", "add"), default="mix"),
    },
    "edit": {"edit": Choice(tuple(EDITS))},
}


def nearest(word: str, known: tuple[str, ...]) -> str:
    """``unknown "strips", nearest is "stripes"``."""
    close = get_close_matches(word, known, n=1, cutoff=0.0)
    return f'unknown "{word}"' + (f', nearest is "{close[0]}"' if close else "")


def wrong(code: str, what: str, where: str) -> ConfigError:
    """An error of the rules, with the remedy they all share."""
    return ConfigError(f"rules.{code}", what, where=where, remedy="correct the rule")


def specs_of(kind: str, params: Mapping[str, object], where: str) -> Specs:
    """The parameters that a trigger of this kind and texture or edit has.

    Raises:
        ConfigError: the kind, texture or edit is unknown.
    """
    if kind not in KINDS:
        raise wrong("kind", nearest(str(kind), tuple(KINDS)), where)
    choice, table = ("edit", EDITS) if kind == "edit" else ("texture", TEXTURES)
    if choice not in params:
        raise wrong("missing", f'"{choice}" is missing', where)
    name = _checked(KINDS[kind][choice], choice, params[choice], where)
    return {**KINDS[kind], **table[str(name)]}


def complete(specs: Specs, params: Mapping[str, object], where: str) -> dict[str, Value]:
    """All parameters in the order of ``specs``, checked, defaults filled in.

    Raises:
        ConfigError: unknown or missing parameter, wrong type or out of range.
    """
    for name in params:
        if name not in specs:
            raise wrong("unknown_key", nearest(name, tuple(specs)), where)
    found: dict[str, Value] = {}
    for name, spec in specs.items():
        if name in params:
            found[name] = _checked(spec, name, params[name], where)
        elif spec.default is not None:
            found[name] = spec.default
        else:
            raise wrong("missing", f'"{name}" is missing', where)
    return found


def _checked(spec: Spec, name: str, value: object, where: str) -> Value:
    try:
        return spec.check(value)
    except ValueError as error:
        raise wrong("value", f"{name} = {value!r}: {error}", where) from error
