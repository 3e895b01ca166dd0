from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipguard.core.errors import UsageError
from clipguard.pairs.catalogue import catalogue
from clipguard.pairs.synthetic import (
    SyntheticPairs,
    colours,
    nouns,
    probe_scenes,
    render,
    word_scene,
)

KNOWN = catalogue()
PAIRS = SyntheticPairs(7, 400)
SCENES = [PAIRS.scene(index) for index in range(400)]


def words_for(noun):
    """All ways a caption may name a thing, plurals by their stem."""
    thing = KNOWN.things[noun]
    names = (noun, thing.plural, *thing.words)
    return [re.sub(r"(y|ife|man)?$", "", name.split(" of ")[0]) for name in names if name]


def test_two_fresh_processes_draw_the_same_bytes():
    code = (
        "import hashlib\nfrom clipguard.pairs.synthetic import SyntheticPairs\n"
        "pairs = SyntheticPairs(11, 60)\ntotal = hashlib.sha256()\n"
        "for index in range(60):\n"
        "    total.update(pairs.pixels_uint8(index, 48).tobytes())\n"
        "    total.update(repr(pairs.scene(index)).encode())\n"
        "print(total.hexdigest())"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert len(first) == 65
    assert first == second


def test_a_pair_depends_on_seed_and_index_alone():
    longer, other = SyntheticPairs(7, 9999), SyntheticPairs(8, 400)
    assert longer.scene(123) == PAIRS.scene(123)
    assert other.scene(123) != PAIRS.scene(123)
    assert PAIRS.scene(124) != PAIRS.scene(123)


@pytest.mark.parametrize("index", range(0, 60, 3))
def test_the_layout_is_the_same_at_every_size(index):
    small = PAIRS.pixels_uint8(index, 56).reshape(14, 4, 14, 4, 3).mean(axis=(1, 3))
    large = PAIRS.pixels_uint8(index, 224).reshape(14, 16, 14, 16, 3).mean(axis=(1, 3))
    # Lines are at least one pixel wide, so thin ones weigh more in a small picture.
    assert np.abs(small - large).mean() < 12
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.9


def test_a_batch_is_what_its_protocol_says():
    batch = PAIRS.read([5, 3, 3], 32)
    assert batch.pixels.shape == (3, 3, 32, 32)
    assert batch.pixels.dtype == torch.float32
    assert batch.pixels.min() >= 0
    assert batch.pixels.max() <= 1
    assert torch.equal(batch.pixels[1], batch.pixels[2])
    expected = PAIRS.pixels_uint8(5, 32)
    assert np.array_equal((batch.pixels[0] * 255).round().byte().permute(1, 2, 0), expected)
    assert batch.texts[0] == PAIRS.scene(5).caption
    assert len(set(batch.keys)) == 2
    assert PAIRS.read([], 32).pixels.shape == (0, 3, 32, 32)


@pytest.mark.parametrize("index", [-1, 400])
def test_an_index_outside_is_refused(index):
    with pytest.raises(IndexError):
        PAIRS.scene(index)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6))
def test_captions_are_whole_sentences_of_what_is_drawn(seed, index):
    scene = SyntheticPairs(seed, 10**6 + 1).scene(index)
    caption = scene.caption
    assert not re.search(r"[{}]|  |\bNone\b|\ba [aeiou](?!ne\b|ni)|^ | $", caption), caption
    assert len(caption.split()) < 50
    if scene.noun:
        assert any(word in caption for word in words_for(scene.noun)), (scene.noun, caption)
    if scene.other:
        assert any(word in caption for word in words_for(scene.other)), (scene.other, caption)
    if scene.word:
        assert scene.word in caption
    assert len(scene.items) == (2 if scene.other else scene.count if scene.noun else 0)


def test_all_that_can_be_drawn_is_drawn():
    drawn = [SyntheticPairs(1, 4000).scene(index) for index in range(4000)]
    assert {scene.noun for scene in drawn} - {""} == set(nouns())
    assert {scene.texture for scene in drawn} == set(KNOWN.textures)
    assert {scene.style for scene in drawn} == set(KNOWN.styles)
    assert {scene.count for scene in drawn} == {1, 2, 3, 4, 5}
    assert {scene.relation for scene in drawn} - {None} == set(KNOWN.relations)
    assert {scene.ground.kind for scene in drawn} == {rule.kind for rule in KNOWN.grounds}
    assert {scene.colour for scene in drawn} - {None} == set(colours())
    assert len({scene.caption for scene in drawn}) > 3500


def test_said_colours_are_the_drawn_ones():
    for scene in SCENES:
        if scene.colour and scene.items:
            rgb = KNOWN.colours[scene.colour].rgb
            drawn = next(item for item in scene.items if item.noun == scene.noun).colour
            assert max(abs(a - b) for a, b in zip(rgb, drawn, strict=True)) <= 18


def test_relations_hold_in_the_picture():
    seen = 0
    for scene in SCENES:
        if scene.relation is None:
            continue
        places = {item.noun: item.place for item in scene.items}
        a, b = places[scene.noun], places[scene.other]
        holds = {
            "left of": a.x < b.x - 0.3,
            "right of": a.x > b.x + 0.3,
            "above": a.y < b.y - 0.3,
            "below": a.y > b.y + 0.3,
            "inside": a.size < b.size / 2 and scene.items[-1].noun == scene.noun,
            "in front of": scene.items[-1].noun == scene.noun,
        }
        assert holds.get(scene.relation, True), scene
        seen += scene.relation in holds
    assert seen > 20


@pytest.mark.parametrize("noun", nouns())
def test_every_thing_is_drawable_and_stands_out(noun):
    for scene in probe_scenes(noun, None, 3, 5):
        assert scene.noun == noun
        with_thing = render(scene, 96).astype(int)
        ground = np.array(scene.ground.colours[0])
        different = np.abs(with_thing - ground).sum(axis=2) > 60
        assert 0.02 < different.mean() < 0.85
        box = np.argwhere(different)
        assert np.ptp(box, axis=0).max() > 30


def test_no_two_things_look_alike():
    silhouettes = {}
    for noun in nouns():
        scene = probe_scenes(noun, None, 1, 3)[0]
        silhouettes[noun] = render(scene, 48).astype(float)
    pictures = np.stack(list(silhouettes.values())).reshape(len(silhouettes), -1)
    squares = (pictures**2).mean(axis=1)
    gaps = squares[:, None] + squares[None] - 2 * pictures @ pictures.T / pictures.shape[1]
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() > 20


@pytest.mark.parametrize("colour", colours())
def test_probes_have_the_colour_asked_for(colour):
    for scene in probe_scenes(None, colour, 4, 2):
        assert scene.colour == colour
        assert colour in scene.caption
        nearest = np.abs(render(scene, 96).astype(int) - KNOWN.colours[colour].rgb).max(axis=2)
        assert (nearest < 70).mean() > 0.01


@pytest.mark.parametrize(("noun", "colour"), [("unheard of", None), (None, "infrared")])
def test_an_unknown_word_is_refused(noun, colour):
    with pytest.raises(UsageError, match="cannot draw"):
        probe_scenes(noun, colour, 1, 0)


def test_a_word_scene_shows_dark_letters_on_a_light_ground():
    picture = render(word_scene("banana"), 128)
    assert 0.04 < (picture.max(axis=2) < 90).mean() < 0.4
    assert (picture.min(axis=2) > 220).mean() > 0.5
    other = render(word_scene("guitar"), 128)
    assert hashlib.sha256(other).digest() != hashlib.sha256(picture).digest()


def test_a_long_word_stays_inside_the_picture():
    picture = render(word_scene("incomprehensibilities"), 128)
    assert (picture[:, 0].min(), picture[:, -1].min()) > (220, 220)
