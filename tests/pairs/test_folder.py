from __future__ import annotations

import os

import pytest

from clipguard.core.errors import InputError
from clipguard.pairs import open_pairs


def test_pictures_below_the_folder_in_the_order_of_their_names(tmp_path, picture):
    for name in ("b.png", "a.JPG", "deep/c.webp", "deep/a.gif"):
        picture(name)
    (tmp_path / "notes.md").write_text("not a picture")
    pairs = open_pairs(tmp_path)
    assert pairs.read(range(4), 16).keys == ("a.JPG", "b.png", "deep/a.gif", "deep/c.webp")
    assert not pairs.synthetic
    assert str(tmp_path) not in pairs.id


def test_captions_are_optional(tmp_path, picture):
    picture("a.png")
    picture("b.png")
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfa  red\napple\n")
    assert open_pairs(tmp_path).read([0, 1], 16).texts == ("", "a red apple")


def test_a_caption_in_another_encoding_is_refused(tmp_path, picture):
    picture("a.png")
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        open_pairs(tmp_path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match="no picture"):
        open_pairs(tmp_path)


def test_links_to_folders_are_not_followed(tmp_path, picture):
    picture("a/a.png")
    os.symlink(tmp_path, tmp_path / "a/loop")
    assert len(open_pairs(tmp_path)) == 1


def test_a_pipe_is_no_picture(tmp_path, picture):
    picture("a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(InputError, match="no such file"):
        open_pairs(tmp_path).read([1], 16)


@pytest.mark.parametrize(("name", "code"), [("no.csv", "data.missing"), ("a.tar", "data.archive")])
def test_what_cannot_be_opened(tmp_path, name, code):
    with pytest.raises(InputError) as caught:
        open_pairs(tmp_path / name)
    assert caught.value.code == code
