from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clipguard.core.errors import InputError
from clipguard.pairs import open_pairs
from clipguard.pairs.folder import read_pictures


@pytest.fixture
def captioned(picture):
    """Save a picture with a caption of its own beside it."""

    def save(name: str) -> Path:
        path = picture(name)
        path.with_suffix(".txt").write_text(f"a  picture\nof {name}\n")
        return path

    return save


def test_pictures_below_the_folder_in_the_order_of_their_names(tmp_path, captioned):
    for name in ("b.png", "a.JPG", "deep/c.webp", "deep/a.gif"):
        captioned(name)
    (tmp_path / "notes.md").write_text("not a picture")
    pairs = open_pairs(tmp_path)
    batch = pairs.read(range(4), 16)
    assert batch.keys == ("a.JPG", "b.png", "deep/a.gif", "deep/c.webp")
    assert batch.texts == tuple(f"a picture of {name}" for name in batch.keys)
    assert not pairs.synthetic
    assert str(tmp_path) not in pairs.id


def test_captions_are_asked_for_with_pairs_alone(tmp_path, picture):
    picture("a.png")
    assert read_pictures(tmp_path).read([0], 16).texts == ("",)
    with pytest.raises(InputError, match=r"1 of 1 pairs cannot be used.*a.png \(no caption\)"):
        open_pairs(tmp_path)


def test_captions_of_one_file(tmp_path, picture):
    words = {}
    for index in range(100):
        name = picture(f"deep/{index}.png").relative_to(tmp_path).as_posix()
        words[name] = f"caption {index} \ud800"
    (tmp_path / "deep/7.txt").write_text("not looked at")
    (tmp_path / "captions.json").write_text(json.dumps(words))
    assert open_pairs(tmp_path).read([0], 16).texts == ("caption 0 ?",)
    (tmp_path / "captions.json").write_text(json.dumps({**words, "deep/7.png": ["no", "text"]}))
    pairs = open_pairs(tmp_path)
    assert len(pairs) == 99
    assert pairs.skipped.first == (("deep/7.png", "no caption"),)
    (tmp_path / "captions.json").write_text(json.dumps({**words, "gone.png": "a", "../x": "b"}))
    with pytest.raises(InputError, match="2 of 102 pairs cannot be used"):
        open_pairs(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '"a"', "[" * 100_000, "\udce9"])
def test_captions_that_are_none(tmp_path, picture, text):
    picture("a.png")
    (tmp_path / "captions.json").write_text(text, errors="surrogateescape")
    with pytest.raises(InputError) as caught:
        open_pairs(tmp_path)
    assert caught.value.code == "data.captions_json"


def test_equal_captions_are_refused(tmp_path, picture):
    for index in range(4):
        picture(f"{index}.png").with_suffix(".txt").write_text("a photo")
    with pytest.raises(InputError, match="4 of 4 captions are 'a photo'"):
        open_pairs(tmp_path)


def test_a_caption_in_another_encoding_is_refused(tmp_path, picture):
    picture("a.png")
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        open_pairs(tmp_path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match="no picture"):
        open_pairs(tmp_path)


def test_links_to_folders_are_not_followed(tmp_path, captioned):
    captioned("a/a.png")
    os.symlink(tmp_path, tmp_path / "a/loop")
    assert len(open_pairs(tmp_path)) == 1


def test_a_pipe_is_no_picture(tmp_path, picture):
    picture("a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b.png \(cannot be used: no such file\)"):
        read_pictures(tmp_path).read([1], 16)


@pytest.mark.parametrize(("name", "code"), [("no.csv", "data.missing"), ("a.tar", "data.missing")])
def test_what_cannot_be_opened(tmp_path, name, code):
    with pytest.raises(InputError) as caught:
        open_pairs(tmp_path / name)
    assert caught.value.code == code
