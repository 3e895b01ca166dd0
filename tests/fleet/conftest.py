"""Models that end at once, and a program that stands in for clipguard in the children."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from clipguard.cli import main
from clipguard.core import resources

sys.path.insert(0, str(Path(__file__).parent))

EXAMPLE = Path(str(resources.examples("clean-base", "model.pt")))


@pytest.fixture(autouse=True)
def _outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def models(tmp_path, evil):
    """A hostile, a truncated and an empty checkpoint, and what is no model."""
    folder = tmp_path / "models"
    (folder / "deeper").mkdir(parents=True)
    (folder / "hostile.pt").write_bytes(pickle.dumps(evil, protocol=2))
    (folder / "deeper/truncated.pt").write_bytes(EXAMPLE.read_bytes()[:100_000])
    (folder / "empty.pt").touch()
    (folder / "notes.txt").write_text("no model")
    return folder


@pytest.fixture
def cli(capsys):
    """Run ``clipguard fleet ARGUMENTS`` in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["fleet", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def planned(cli, models):
    """A plan of them in the working directory."""
    assert cli("plan", "models")[0] == 0


@pytest.fixture
def children(monkeypatch, tmp_path):
    """Let a shell script do the children's work; it finds the place for its result in $json."""

    def become(script: str) -> None:
        program = tmp_path / "stand-in"
        find = "for word; do case $word in json=*) json=${word#json=};; esac; model=$word; done"
        program.write_text(f"#!/bin/sh\n{find}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return become
