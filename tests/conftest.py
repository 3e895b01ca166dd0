"""One thread a process: the suite runs its own processes side by side."""

import os
from pathlib import Path

import pytest

from clipguard.core.results import SCHEMA_VERSION, Result, ToolInfo

os.environ.setdefault("OMP_NUM_THREADS", "1")


class Evil:
    """Its pickle creates a file when anything really unpickles it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def canary(tmp_path: Path):
    """Where an executed attack would leave its trace; checked after the test."""
    path = tmp_path / "CANARY"
    yield path
    assert not path.exists(), "something in the file was executed"


@pytest.fixture
def evil(canary: Path) -> Evil:
    """What belongs into no checkpoint."""
    return Evil(canary)


@pytest.fixture(scope="session")
def empty_result() -> Result:
    """A passed scan that says nothing; tests replace what they are about."""
    return Result(
        schema_version=SCHEMA_VERSION,
        command="scan",
        tool=ToolInfo(name="clipguard", version="0", rules_sha256="0" * 64),
        environment=None,
        settings={},
        origins={},
        status="pass",
        exit_code=0,
        complete=True,
    )
