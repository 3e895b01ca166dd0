"""Captions: templates of ``rules/scenes`` filled with the facts of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clipguard.pairs.catalogue import Catalogue, Thing
from clipguard.pairs.dice import Dice

_VOWELS = tuple("aeiou")
_SOUNDS_OTHERWISE = ("unicorn", "uniform", "one ", "ukulele")


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
    texture, phrase = _texture(look, known, dice)
    slots = {
        "size": _said(known.sizes[look.size].words, chances["size"], dice),
        "colour": _colour(look.colour, known, dice),
        "texture": texture,
        "noun": noun,
    }
    core = _tidy(dice.pick(chances["orders"]).format(**slots))
    counted = _counted(core, noun, look, known, dice)
    return _tidy(f"{counted} {phrase}")


def sentence(
    style: str, body: str, tails: tuple[str, ...], known: Catalogue, dice: Dice
) -> str:
    """The caption: an opener of the style around ``body``, then the tails."""
    opener = dice.pick(known.styles[style].openers)
    return _tidy(" ".join([opener.format(x=body), *tails]))


def fill(template: str, words: Mapping[str, str]) -> str:
    """A template with its slots filled and its spaces tidied."""
    return _tidy(template.format(**words))


def article(phrase: str) -> str:
    """``a`` or ``an`` in front of ``phrase``."""
    otherwise = phrase.startswith(_SOUNDS_OTHERWISE)
    return f"an {phrase}" if phrase.startswith(_VOWELS) and not otherwise else f"a {phrase}"


def plural(noun: str, thing: Thing) -> str:
    """The plural of one of the thing's nouns."""
    if noun == thing.noun and thing.plural:
        return thing.plural
    head, _, tail = noun.partition(" of ")
    if tail:
        return f"{plural(head, thing)} of {tail}"
    if noun.endswith(("s", "sh", "ch", "x")):
        return f"{noun}es"
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
    phrase = dice.pick(rule.phrases)
    return "", phrase.format(second=look.second, colour=look.colour)


def _colour(colour: str | None, known: Catalogue, dice: Dice) -> str:
    chances = known.grammar.noun
    if colour is None or not dice.chance(chances["colour"]):
        return ""
    words = known.colours[colour].words
    return dice.pick(words) if words and dice.chance(chances["synonym"]) else colour


def _said(words: tuple[str, ...], chance: float, dice: Dice) -> str:
    return dice.pick(words) if dice.chance(chance) else ""


def _counted(core: str, noun: str, look: Look, known: Catalogue, dice: Dice) -> str:
    if look.thing.article:
        if look.count == 1:
            return f"{look.thing.article} {core}"
        unit = look.thing.article.split()[1]
        return f"{_number(look, known, dice, unit)} {unit}s of {core}"
    if look.count == 1:
        return article(core)
    many = f"{core[: len(core) - len(noun)]}{plural(noun, look.thing)}"
    return f"{_number(look, known, dice, '')} {many}"


def _number(look: Look, known: Catalogue, dice: Dice, unit: str) -> str:
    words = known.grammar.numbers[str(look.count)]
    return words[0] if unit else dice.pick(words)


def _tidy(text: str) -> str:
    return " ".join(text.split())
