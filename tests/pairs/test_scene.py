from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clipguard.pairs.catalogue import catalogue
from clipguard.pairs.scene import DARK, LIGHT, render
from clipguard.pairs.synthetic import SyntheticPairs, probe_scenes


def dressed(noun, colour):
    """The thing in a flat style on grey, unturned."""
    scene = probe_scenes(noun, None, 1, 0)[0]
    grey = (120, 120, 120)
    place = replace(scene.items[0].place, angle=0.0, flip=False, x=0.5, y=0.5)
    item = replace(scene.items[0], place=place, colour=colour, style="flat")
    return replace(scene, ground=replace(scene.ground, colours=(grey,) * 3), items=(item,))


@pytest.mark.parametrize(
    ("noun", "colour"), [("bear", DARK), ("cat", DARK), ("shirt", LIGHT), ("target", LIGHT)]
)
def test_details_are_seen_on_a_thing_of_their_own_colour(noun, colour):
    picture = render(dressed(noun, colour), 96).astype(int)
    other = np.abs(picture - colour).max(axis=2) > 50
    ground = np.abs(picture - 120).max(axis=2) < 6
    assert (other & ~ground).mean() > 0.005


def test_letters_are_not_mirrored():
    scenes = probe_scenes("stop sign", None, 20, 0)
    assert not any(scene.items[0].place.flip for scene in scenes)
    assert any(scene.items[0].place.flip for scene in probe_scenes("car", None, 20, 0))


def test_things_stand_out_from_what_lies_behind():
    pairs = SyntheticPairs(5, 600)
    scenes = [pairs.scene(index) for index in range(600)]
    faint = 0
    for scene in scenes:
        if scene.items:
            bare = render(replace(scene, items=(), sign=None), 48).astype(int)
            drawn = render(replace(scene, sign=None), 48).astype(int)
            faint += (np.abs(drawn - bare).sum(axis=2) > 60).mean() < 0.005
    assert faint <= 6


@pytest.mark.parametrize("relation", ["in front of", "inside"])
def test_what_is_in_front_is_drawn_last(relation):
    pairs = SyntheticPairs(5, 600)
    scenes = [pairs.scene(index) for index in range(600)]
    found = [scene for scene in scenes if scene.relation == relation]
    assert found
    assert all(scene.items[-1].noun == scene.noun for scene in found)


def test_every_texture_can_be_worn_by_a_thing():
    scene = dressed("circle", (220, 30, 30))
    plain = render(scene, 64).astype(int)
    for texture in catalogue().textures.keys() - {"solid"}:
        item = replace(scene.items[0], texture=texture, second=(30, 30, 220))
        worn = render(replace(scene, items=(item,)), 64).astype(int)
        assert (np.abs(worn - plain).sum(axis=2) > 60).mean() > 0.03, texture
