"""One thread a process: the suite runs its own processes side by side."""

import os

import pytest

from clipguard.core.results import SCHEMA_VERSION, Result, ToolInfo

os.environ.setdefault("OMP_NUM_THREADS", "1")


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
