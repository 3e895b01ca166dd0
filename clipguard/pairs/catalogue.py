"""What scenes are made of, read from ``rules/scenes``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import msgspec

from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError
from clipguard.draw import grounds, paint, shapes, textures
from clipguard.draw.shapes import Piece
from clipguard.draw.textures import Colour

Shape = list[str | float]


@dataclass(frozen=True, kw_only=True)
class ColourRule:
    """A named colour; drawn ones lie within ``spread`` of ``rgb`` per channel."""

    name: str
    rgb: Colour
    spread: int = 18
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TextureRule:
    """A texture's words; ``{second}`` and ``{colour}`` may appear in ``phrases``."""

    name: str
    adjectives: tuple[str, ...]
    phrases: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """A size's words and the range of sides, as fractions of the picture's."""

    name: str
    low: float
    high: float
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StyleRule:
    """A style's openers, with ``{x}`` for what is drawn."""

    name: str
    openers: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class GroundRule:
    """A kind of ground and its phrases, with ``{ground}`` and ``{other}`` for drawn colours."""

    kind: str
    phrases: tuple[str, ...]
    colours: tuple[Colour, Colour, Colour] | None = None
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RelationRule:
    """Places of two things: centre x, centre y, side; ``front`` is drawn last."""

    name: str
    a: tuple[float, float, float]
    b: tuple[float, float, float]
    phrases: tuple[str, ...]
    front: str = "b"
    enclosing: bool = False


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """Centres of several equal things and the side of each, as fractions of the picture's side."""

    count: int
    side: float
    places: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A drawable class of objects.

    ``natural``: colours it usually has; ``fixed``: its colours are its own and none is mentioned;
    ``turn``: largest rotation in degrees; ``flip``: may be mirrored; ``open``: other things fit
    inside; ``article``: "a pair of" for what comes in pairs.
    """

    noun: str
    shapes: tuple[Shape, ...]
    words: tuple[str, ...] = ()
    plural: str = ""
    article: str = ""
    natural: tuple[str, ...] = ()
    fixed: bool = False
    open: bool = False
    turn: float = 12.0
    flip: bool = True

    @property
    def textured(self) -> bool:
        """Whether it has an area that a texture can cover."""
        return any(shape[0] == "main" and shape[1] != "line" for shape in self.shapes)


@dataclass(frozen=True)
class Grammar:
    """Templates and chances of ``grammar.toml``."""

    noun: Mapping[str, Any]
    numbers: Mapping[str, tuple[str, ...]]
    several: Mapping[str, tuple[str, ...]]
    tails: Mapping[str, float]
    sign: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Everything a scene may hold."""

    things: Mapping[str, Thing]
    pieces: Mapping[str, tuple[Piece, ...]] = field(repr=False)
    colours: Mapping[str, ColourRule]
    textures: Mapping[str, TextureRule]
    sizes: Mapping[str, SizeRule]
    styles: Mapping[str, StyleRule]
    grounds: tuple[GroundRule, ...]
    relations: Mapping[str, RelationRule]
    groups: tuple[GroupRule, ...]
    grammar: Grammar


T = TypeVar("T")


@cache
def catalogue() -> Catalogue:
    """The catalogue shipped with clipguard.

    Raises:
        ConfigError: a file of ``rules/scenes`` is wrong.
    """
    looks = _tables("looks.toml")
    things = _named("noun", [thing for file in _thing_files() for thing in _read_things(file)])
    found = Catalogue(
        things=things,
        pieces={noun: _pieces(thing) for noun, thing in things.items()},
        colours=_named("name", _rows("colours.toml", "colour", ColourRule)),
        textures=_named("name", _convert(looks["texture"], list[TextureRule], "looks.toml")),
        sizes=_named("name", _convert(looks["size"], list[SizeRule], "looks.toml")),
        styles=_named("name", _convert(looks["style"], list[StyleRule], "looks.toml")),
        grounds=tuple(_rows("grounds.toml", "ground", GroundRule)),
        relations=_named("name", _rows("relations.toml", "relation", RelationRule)),
        groups=tuple(_rows("relations.toml", "group", GroupRule)),
        grammar=_convert(_tables("grammar.toml"), Grammar, "grammar.toml"),
    )
    _check(found)
    return found


def _thing_files() -> list[str]:
    names = [entry.name for entry in resources.rules("scenes").iterdir()]
    return sorted(name for name in names if name.startswith("things-"))


def _read_things(file: str) -> list[Thing]:
    return _rows(file, "thing", Thing)


def _rows(file: str, key: str, kind: type[T]) -> list[T]:
    return _convert(_tables(file).get(key), list[kind], file)  # type: ignore[valid-type]  # a run-time type


def _tables(file: str) -> dict[str, Any]:
    return toml.load(resources.rules("scenes", file))


def _convert(value: Any, kind: type[T], file: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError("rules.scenes", str(error), where=f"scenes/{file}") from error


def _named(key: str, rows: list[T]) -> dict[str, T]:
    named = {str(getattr(row, key)): row for row in rows}
    if len(named) != len(rows):
        raise ConfigError("rules.scenes", f"a {key} is given twice", where="rules/scenes")
    return named


def _pieces(thing: Thing) -> tuple[Piece, ...]:
    return tuple(shapes.parse(shape, thing.noun) for shape in thing.shapes)


_ROLES = {"main", "second", "dark", "light", "paper"}


def _check(found: Catalogue) -> None:
    """Words of the data must be words of the code."""
    wanted = [
        ("texture", set(found.textures), set(textures.names())),
        ("style", set(found.styles), set(paint.STYLES)),
        ("ground", {rule.kind for rule in found.grounds}, set(grounds.kinds())),
        ("colour", {c for t in found.things.values() for c in t.natural}, set(found.colours)),
        (
            "role",
            {piece.role for pieces in found.pieces.values() for piece in pieces},
            _ROLES | set(found.colours),
        ),
    ]
    for what, used, known in wanted:
        if used - known:
            raise ConfigError(
                "rules.scenes",
                f"unknown {what} {sorted(used - known)[0]!r}",
                where="rules/scenes",
                remedy=f"use one of {', '.join(sorted(known))}",
            )
