"""Which class a picture belongs to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clipguard.probes.classes import Labels, classes_of
from clipguard.probes.survey import Survey


def surveyed(texts: list[str], keys: list[str], pictures: list[int] | None = None) -> Survey:
    numbers = np.array(pictures if pictures is not None else range(len(texts)), dtype=np.int64)
    return Survey(tuple(texts), tuple(keys), numbers, (torch.zeros(len(texts), 2),), {}, "")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A Dog on a mat", 0),
        ("hotdogs", -1),
        ("a polar bear", 2),
        ("a polar bear and a bear", -1),
        ("a dog beside a bear", -1),
        ("two dogs", -1),
        ("dog, dog; DOG!", 0),
        ("", -1),
    ],
)
def test_a_caption_names_one_label_or_none(text, place):
    assert Labels(("dog", "bear", "polar bear")).only(text) == place


def test_folders_are_classes_where_nothing_has_a_caption():
    found = surveyed(["", "", ""], ["hot_dog/1.png", "cat/deep/2.png", "3.png"])
    classes = classes_of(found, None, ("unused",))
    assert classes.names == ("cat", "hot dog")
    assert classes.labels.tolist() == [1, 0, -1]
    named = classes_of(found, ("Hot Dog", "bird"), ())
    assert named.labels.tolist() == [0, -1, -1]


def test_captions_of_one_picture_must_agree():
    found = surveyed(["a dog", "an animal", "a cat", "a dog"], list("abcd"), [0, 0, 1, 1])
    assert classes_of(found, ("dog", "cat"), ()).labels.tolist() == [0, 0, -1, -1]


def test_a_target_becomes_a_class_once():
    classes = classes_of(surveyed(["a dog"], ["a"]), ("dog", "cat"), ())
    assert classes.including(["Dog", "banana", "banana"]).names == ("dog", "cat", "banana")


def test_classes_that_no_pair_belongs_to_can_be_left_out():
    found = surveyed(["a cat", "a thing", "a bird"], list("abc"))
    classes = classes_of(found, ("dog", "bird", "fox", "cat"), ()).present()
    assert classes.names == ("bird", "cat")
    assert classes.labels.tolist() == [1, -1, 0]
    assert classes_of(surveyed(["a thing"], ["a"]), ("dog",), ()).present().names == ()
