from __future__ import annotations

import string

import pytest

from clipguard.pairs.catalogue import catalogue

KNOWN = catalogue()


def test_there_is_enough_to_draw():
    assert len(KNOWN.things) >= 100
    assert len(KNOWN.colours) == 12
    assert len(KNOWN.textures) >= 12
    assert {"flat", "outline", "shaded"} <= KNOWN.styles.keys()
    assert {group.count for group in KNOWN.groups} == {2, 3, 4, 5}
    assert {"left of", "right of", "above", "below", "next to", "inside"} <= KNOWN.relations.keys()


def test_synonyms_name_one_thing_each():
    words = [word for thing in KNOWN.things.values() for word in (thing.noun, *thing.words)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("slots", "templates"),
    [
        ({"x"}, [o for style in KNOWN.styles.values() for o in style.openers]),
        ({"x"}, KNOWN.grammar.several["phrases"]),
        ({"ground", "other"}, [p for ground in KNOWN.grounds for p in ground.phrases]),
        ({"a", "b"}, [p for relation in KNOWN.relations.values() for p in relation.phrases]),
        ({"second", "colour"}, [p for texture in KNOWN.textures.values() for p in texture.phrases]),
        ({"word", "colour"}, KNOWN.grammar.sign["alone"]),
        ({"word"}, KNOWN.grammar.sign["phrases"]),
    ],
)
def test_templates_hold_only_slots_that_are_filled(slots, templates):
    for template in templates:
        used = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        assert used <= slots, template


@pytest.mark.parametrize("relation", KNOWN.relations.values(), ids=lambda rule: rule.name)
def test_every_relation_names_both_things_and_keeps_them_inside(relation):
    for phrase in relation.phrases:
        assert "{a}" in phrase
        assert "{b}" in phrase
    for x, y, side in (relation.a, relation.b):
        assert side / 2 - 0.09 < min(x, y)
        assert max(x, y) < 1.09 - side / 2


@pytest.mark.parametrize("group", KNOWN.groups)
def test_groups_have_as_many_places_as_they_say(group):
    assert len(group.places) == group.count
    nearest = min(
        max(abs(a[0] - b[0]), abs(a[1] - b[1]))
        for a in group.places
        for b in group.places
        if a != b
    )
    assert nearest > group.side * 0.7
