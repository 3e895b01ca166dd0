"""What lies beside an output before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipguard.cleaning.journal import Journal
from clipguard.core.errors import InputError, UsageError
from clipguard.pipeline.audit import audit
from clipguard.pipeline.clean import clean
from clipguard.pipeline.requests import AuditRequest


@pytest.mark.parametrize("command", [clean, audit])
def test_an_unfinished_run_is_gone_on_with_or_left_alone(tmp_path: Path, command) -> None:
    Journal(tmp_path / "out.state", {}).once("probe", lambda: 1)
    request = AuditRequest(model=str(tmp_path / "none.pt"), output=tmp_path / "out")
    with pytest.raises(UsageError, match=r"clean\.unfinished.*out\.state.*--resume"):
        command(request)
    again = AuditRequest(model=str(tmp_path / "none.pt"), output=tmp_path / "out", resume=True)
    with pytest.raises(InputError, match=r"none\.pt"):
        command(again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.state"]
