"""Bad pairs, given to the real commands: said in one line, never survived."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from clipguard.cli import main
from clipguard.core import resources
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.write import write_pairs

MODEL = str(resources.examples("backdoored", "model.pt"))
COUNT = 100


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Drawn pairs as a table with pictures, and as a shard beside it."""
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(SyntheticPairs(0, COUNT), folder / "table", 32)
    write_pairs(SyntheticPairs(0, COUNT), folder / "shards", 32, format="webdataset")
    return folder


@pytest.fixture(autouse=True)
def words(tmp_path, monkeypatch):
    """Few concepts, so that the model is soon ready for the pairs."""
    (tmp_path / "words.txt").write_text("\n".join(f"thing {n}" for n in range(60)))
    monkeypatch.chdir(tmp_path)


def table(pairs, change):
    path = pairs / "table/changed.csv"
    path.write_text("".join(change((pairs / "table/pairs.csv").read_text().splitlines(True))))
    return path


def no_pictures(pairs):
    return table(pairs, lambda lines: [*lines, "gone.png,a\n", "images,b\n", "0.png,c\n"])


def broken_pictures(pairs):
    for name in ("cut.png", "empty.png"):
        data = (pairs / "table/images/0000000.png").read_bytes()
        (pairs / "table" / name).write_bytes(data[:60] if name == "cut.png" else b"")
    return table(pairs, lambda lines: [lines[0], "cut.png,a\n", "empty.png,b\n", *lines[1:]])


def one_caption(pairs):
    return table(pairs, lambda lines: [lines[0], *(f"{x.split(',')[0]},a\n" for x in lines[1:])])


def two_columns_of_strangers(pairs):
    return table(pairs, lambda lines: ["url,label\n", *lines[1:]])


def upward(pairs):
    return table(pairs, lambda lines: [*lines, "../shards/00000.tar,a\n"])


def few(pairs):
    return table(pairs, lambda lines: lines[:30])


def cut_shard(pairs):
    path = pairs / "cut.tar"
    path.write_bytes((pairs / "shards/00000.tar").read_bytes()[:20_000])
    return path


def code(pairs):
    path = pairs / "code.tar"
    shutil.copy(pairs / "shards/00000.tar", path)
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("zz.pth"))
    return path


CASES = {
    no_pictures: ("data.too_many_bad", "row 101 (no file gone.png), row 102, row 103"),
    broken_pictures: ("data.too_many_bad", "row 1 (cannot be used"),
    one_caption: ("data.degenerate_captions", "100 of 100"),
    two_columns_of_strangers: ("data.columns", "url, label"),
    upward: ("path.escape", "../shards/00000.tar"),
    few: ("data.too_few_pairs", "29 pictures, at least 64"),
    cut_shard: ("data.shard", "cut.tar"),
    code: ("data.code_member", "zz.pth"),
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_bad_pairs_are_told_in_one_line(pairs, capsys, make):
    expected, named = CASES[make]
    source = make(pairs)
    status = main(["scan", "-q", MODEL, "--data", str(source), "--labels", "words.txt"])
    streams = capsys.readouterr()
    assert status == (3 if make is code else 2)
    assert streams.err.count("\n") == 1
    assert f"[{expected}]" in streams.err
    assert named in streams.err
    assert json.loads(streams.out)["error"]["code"] == expected


def test_what_is_left_out_is_said(pairs, capsys):
    source = table(pairs, lambda lines: [*lines, "gone.png,a\n"])
    main(["scan", MODEL, "--data", str(source), "--labels", "words.txt", "--carriers", "24"])
    errors = capsys.readouterr().err
    assert "1 pairs are left out: row 101: no file gone.png" in errors


def test_nothing_is_written_for_bad_pairs(pairs, tmp_path, capsys):
    source = one_caption(pairs)
    status = main(
        ["clean", "-q", MODEL, "--data", str(source), "--labels", "words.txt", "-o", "out"]
    )
    assert status == 2
    assert "[data.degenerate_captions]" in capsys.readouterr().err
    assert not Path("out").exists()
