"""The checkers that are programs of their own, so that one pytest command runs everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "call",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("mypy",),
        ("lint-imports",),
    ],
    ids=" ".join,
)
def test_checker(call):
    program = shutil.which(call[0], path=str(Path(sys.executable).parent))
    assert program, f"{call[0]} is not installed beside this Python"
    done = subprocess.run(
        [program, *call[1:]],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
