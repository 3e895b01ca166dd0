from __future__ import annotations

import csv
import tarfile

import numpy as np
import pytest
from PIL import Image

from clipguard.core.errors import InputError
from clipguard.pairs import open_pairs, write
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.write import write_pairs

PAIRS = SyntheticPairs(3, 7)


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("layout", ["csv", "webdataset"])
def test_equal_pairs_give_equal_bytes(tmp_path, layout):
    for name in ("one", "two"):
        write_pairs(PAIRS, tmp_path / name, 32, format=layout)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_the_table_holds_what_was_drawn(tmp_path):
    write_pairs(PAIRS, tmp_path / "out", 32)
    with (tmp_path / "out/pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == [PAIRS.scene(index).caption for index in range(7)]
    for index, row in enumerate(rows):
        with Image.open(tmp_path / "out" / row["filepath"]) as picture:
            assert np.array_equal(np.asarray(picture), PAIRS.pixels_uint8(index, 32))


def test_the_table_is_read_back(tmp_path):
    write_pairs(PAIRS, tmp_path / "out", 32)
    again = open_pairs(tmp_path / "out/pairs.csv").read(range(7), 32)
    drawn = PAIRS.read(range(7), 32)
    assert again.texts == drawn.texts
    assert again.pixels.equal(drawn.pixels)


def test_shards_hold_pairs_of_members(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "PER_SHARD", 3)
    write_pairs(PAIRS, tmp_path / "out", 32, format="webdataset")
    assert sorted(contents(tmp_path / "out")) == ["00000.tar", "00001.tar", "00002.tar"]
    with tarfile.open(tmp_path / "out/00001.tar") as tar:
        assert tar.getnames() == [
            f"{index:09d}.{kind}" for index in (3, 4, 5) for kind in ("png", "txt")
        ]
        assert tar.extractfile("000000004.txt").read().decode() == PAIRS.scene(4).caption
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}


def test_nothing_is_left_of_an_interrupted_writing(tmp_path, monkeypatch):
    def fail(self, index, size):
        if index == 4:
            raise KeyboardInterrupt
        return np.zeros((size, size, 3), np.uint8)

    monkeypatch.setattr(SyntheticPairs, "pixels_uint8", fail)
    with pytest.raises(KeyboardInterrupt):
        write_pairs(PAIRS, tmp_path / "out", 32)
    assert list(tmp_path.iterdir()) == []


def test_an_occupied_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="not empty"):
        write_pairs(PAIRS, tmp_path, 32)
    assert contents(tmp_path) == {"mine.txt": b"keep"}
