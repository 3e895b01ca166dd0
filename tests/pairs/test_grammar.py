from __future__ import annotations

import numpy as np
import pytest

from clipguard.pairs import grammar
from clipguard.pairs.catalogue import catalogue
from clipguard.pairs.dice import Dice
from clipguard.pairs.grammar import Look

KNOWN = catalogue()


def dice(seed=0):
    return Dice(np.random.Generator(np.random.PCG64(seed)))


def phrases(**facts):
    facts["thing"] = KNOWN.things[facts.pop("noun")]
    return {grammar.describe(Look(**facts), KNOWN, dice(seed)) for seed in range(200)}


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("apple", "apples"),
        ("cherry", "cherries"),
        ("church", "churches"),
        ("fox", "foxes"),
        ("key", "keys"),
        ("knife", "knives"),
        ("bus", "buses"),
        ("snowman", "snowmen"),
        ("dice", "dice"),
    ],
)
def test_plurals(noun, expected):
    assert grammar.plural(noun, KNOWN.things[noun]) == expected


def test_the_plural_is_on_the_head_of_a_phrase():
    assert grammar.plural("slice of pizza", KNOWN.things["pizza"]) == "slices of pizza"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("a", "orange", "cup"), "an orange cup"),
        (("on a orange and a", "blue ground"), "on an orange and a blue ground"),
        (("a", "unicorn"), "a unicorn"),
        (("a one eyed", " cat "), "a one eyed cat"),
        (("a animal",), "an animal"),
        (("pizza ", "", "up"), "pizza up"),
    ],
)
def test_articles_and_spaces(parts, expected):
    assert grammar.join(*parts) == expected


def test_phrases_vary_and_always_name_the_thing():
    found = phrases(noun="apple", colour="red", second="blue", texture="striped", size="small")
    assert len(found) > 20
    assert all("apple" in phrase for phrase in found)
    assert any("red" in phrase for phrase in found)
    assert any("stripe" in phrase for phrase in found)
    assert any("small" in phrase for phrase in found)


def test_a_thing_in_its_own_colours_has_none_in_its_phrase():
    found = " ".join(phrases(noun="pizza", colour=None, second="blue", texture="striped"))
    assert not any(colour in found.split() for colour in KNOWN.colours)
    assert "stripe" not in found


def test_what_comes_in_pairs_is_counted_in_pairs():
    single = phrases(noun="scissors", colour="red")
    assert all(phrase.startswith("a pair of ") for phrase in single)
    several = phrases(noun="scissors", colour="red", count=3)
    assert all(phrase.startswith("three pairs of ") for phrase in several)


def test_numbers_are_said():
    for phrase in phrases(noun="star", colour="red", count=4):
        assert phrase.split()[0] in {"four", "4"}
        assert "stars" in phrase
