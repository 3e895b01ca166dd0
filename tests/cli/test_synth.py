from __future__ import annotations

import csv
import tarfile

import pytest


def test_a_table_with_pictures(cli, tmp_path):
    ended = cli("synth", "--count", 5, "-o", "pairs", "--size", 32)
    assert ended.code == 0
    assert ended.out == ""
    assert "5 pairs in pairs" in ended.err
    with (tmp_path / "pairs/pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all((tmp_path / "pairs" / row["filepath"]).is_file() for row in rows)


def test_shards(cli, tmp_path):
    assert (
        cli("synth", "--count", 3, "--out", "d", "--size", 16, "--format", "webdataset").code == 0
    )
    with tarfile.open(tmp_path / "d/00000.tar") as tar:
        assert len(tar.getnames()) == 6


def test_the_seed_decides(cli, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli("synth", "--count", 4, "-o", name, "--size", 16, "--seed", seed)
    a, b, c = ((tmp_path / name / "pairs.csv").read_bytes() for name in "abc")
    assert a == b != c


def test_quiet(cli):
    assert cli("synth", "--count", 1, "-o", "d", "--size", 16, "-q").err == ""


@pytest.mark.parametrize(
    "arguments",
    [[], ["--count", 0, "-o", "d"], ["--count", 3], ["--count", 1, "-o", "d", "--size", 3]],
)
def test_usage_errors(cli, arguments, tmp_path):
    assert cli("synth", *arguments).code == 2
    assert not (tmp_path / "d").exists()


def test_an_occupied_folder_is_refused(cli, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/mine").touch()
    ended = cli("synth", "--count", 1, "-o", "d")
    assert ended.code == 2
    assert "output.exists" in ended.err
    assert ended.err.count("\n") <= 2


def test_the_help_says_that_own_pairs_are_better(cli):
    assert "of your own are better" in " ".join(cli("synth", "--help").out.split())
