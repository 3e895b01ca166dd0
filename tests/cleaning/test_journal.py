"""A killed cleaning goes on where it was, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipguard.cleaning.journal import IDENTITY, Entry, Journal, discard, require_none
from clipguard.core.errors import InputError, UsageError

RUN = {"model": "abc", "steps": 3}


def test_killed_at_any_step_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("resuming.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["par"] * 3 + ["guided"] * 3
    assert all(line[2:] == ["True", "True"] for line in lines), done.stdout
    assert len({line[1] for line in lines}) > 2


def test_entries_are_given_back_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "out.state"
    entry = Entry({"value": [0.1, None, "x"], "ceiling": float("inf")}, {"a": torch.rand(3)})
    Journal(folder, RUN).write("position", entry)
    found = Journal(folder, RUN).read("position")
    assert found is not None
    assert found.facts == entry.facts
    assert torch.equal(found.tensors["a"], entry.tensors["a"])
    assert Journal(folder, RUN).read("other") is None


def test_what_was_computed_once_is_remembered(tmp_path: Path) -> None:
    calls: list[int] = []
    for _ in range(2):
        journal = Journal(tmp_path / "state", RUN)
        assert journal.once("probe", lambda: calls.append(1) or [1e-4, 0.1]) == [1e-4, 0.1]
    assert len(calls) == 1
    assert Journal().once("probe", lambda: calls.append(1) or 3) == 3
    silent = Journal(tmp_path / "other", RUN, writes=False)
    assert silent.once("probe", lambda: 3) == 3
    assert not (tmp_path / "other").exists()


def test_the_state_of_another_run_is_refused_by_name(tmp_path: Path) -> None:
    Journal(tmp_path, RUN, {"threads": 1}).once("probe", lambda: 1)
    with pytest.raises(UsageError, match=r"clean\.other_run.*steps was 3, is 4.*start anew"):
        Journal(tmp_path, {**RUN, "steps": 4}, {"threads": 1})
    assert Journal(tmp_path, RUN, {"threads": 2}).changed == ("threads",)
    assert Journal(tmp_path, RUN, {"threads": 1}).changed == ()


@pytest.mark.parametrize("name", [IDENTITY, "probe.safetensors"])
@pytest.mark.parametrize("cut", [0, 20])
def test_a_damaged_state_is_one_clear_error(tmp_path: Path, name: str, cut: int) -> None:
    Journal(tmp_path, RUN).once("probe", lambda: 1)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:cut])
    with pytest.raises(InputError, match=r"clean\.state_damaged.*remove the folder"):
        Journal(tmp_path, RUN).once("probe", lambda: 1)


def test_an_unfinished_run_is_not_written_over_and_removed_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "out.state"
    require_none(folder)
    Journal(folder, RUN).once("probe", lambda: 1)
    with pytest.raises(UsageError, match=r"clean\.unfinished.*--resume"):
        require_none(folder)
    discard(folder)
    assert not folder.exists()


def test_only_what_a_run_kept_is_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.safetensors").write_bytes(b"mine")
    discard(tmp_path)
    assert (tmp_path / "thesis.safetensors").exists()
    Journal(tmp_path, RUN).once("probe", lambda: 1)
    (tmp_path / "notes.txt").write_text("mine")
    discard(tmp_path)
    assert (tmp_path / "notes.txt").exists()
    assert not (tmp_path / "probe.safetensors").exists()
