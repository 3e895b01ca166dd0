"""Captions: templates of ``rules/scenes`` filled with the facts of a scene."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from clipguard.pairs.catalogue import Catalogue, Thing
from clipguard.pairs.dice import Dice

_A_VOWEL = re.compile(r"\ba (?=[aeiou])(?!one\b|uni)")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a caption may say of one thing; ``colour`` None: nothing about colour or texture."""

    thing: Thing
    colour: str | None
    second: str = ""
    texture: str = "solid"
    size: str = "medium"
    count: int = 1


def describe(look: Look, known: Catalogue, dice: Dice) -> str:
    """Noun phrase with article or number, such as ``two small red striped apples``."""
    chances = known.grammar.noun
    noun = look.thing.noun
    if look.thing.words and dice.chance(chances["synonym"]):
        noun = dice.pick(look.thing.words)
    adjective, phrase = _texture(look, known, dice)
    slots = {
        "size": dice.pick(known.sizes[look.size].words) if dice.chance(chances["size"]) else "",
        "colour": _colour(look.colour, known, dice),
        "texture": adjective,
    }
    before = fill(dice.pick(chances["orders"]), slots)
    return join(_counted(before, noun, look, known, dice), phrase)


def name(look: Look) -> str:
    """The plainest phrase: article, colour, noun."""
    return join(look.thing.article or "a", look.colour or "", look.thing.noun)


def fill(template: str, words: Mapping[str, str]) -> str:
    """A template with its slots filled."""
    return join(template.format(**words))


def join(*parts: str) -> str:
    """Parts in one line with single spaces, and ``an`` where a vowel follows."""
    return _A_VOWEL.sub("an ", " ".join(" ".join(parts).split()))


def plural(noun: str, thing: Thing) -> str:
    """The plural of one of the thing's nouns: ``slices of pizza``, ``cherries``."""
    if noun == thing.noun and thing.plural:
        return thing.plural
    for link in (" of ", " on "):
        head, _, tail = noun.partition(link)
        if tail:
            return f"{plural(head, thing)}{link}{tail}"
    if noun.endswith(("s", "sh", "ch", "x")):
        return noun if noun.endswith("ies") else f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def _texture(look: Look, known: Catalogue, dice: Dice) -> tuple[str, str]:
    """An adjective or a phrase behind the noun, at most one of them."""
    chances, rule = known.grammar.noun, known.textures[look.texture]
    if look.colour is None or not dice.chance(chances["texture"]):
        return "", ""
    if dice.chance(chances["adjective"]):
        return dice.pick(rule.adjectives), ""
    return "", fill(dice.pick(rule.phrases), {"second": look.second, "colour": look.colour})


def _colour(colour: str | None, known: Catalogue, dice: Dice) -> str:
    chances = known.grammar.noun
    if colour is None or not dice.chance(chances["colour"]):
        return ""
    words = known.colours[colour].words
    return dice.pick(words) if words and dice.chance(chances["synonym"]) else colour


def _counted(before: str, noun: str, look: Look, known: Catalogue, dice: Dice) -> str:
    thing = look.thing
    if look.count == 1:
        return join(thing.article or "a", before, noun)
    numbers = known.grammar.numbers[str(look.count)]
    if thing.article:  # "a pair of" becomes "three pairs of"
        _, unit, link = thing.article.split()
        return join(numbers[0], f"{unit}s", link, before, noun)
    return join(dice.pick(numbers), before, plural(noun, thing))
