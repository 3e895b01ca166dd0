"""What is asked of a log in MLflow is checked before any work is done."""

from __future__ import annotations

import pytest

from clipguard.cli import main


@pytest.mark.parametrize("command", ["scan", "audit"])
@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["model.pt", "--log-to", "mlflow"], "--log-to"),
        (["hf://org/tiny", "--log-to", "mlflow", "--online"], "--log-to"),
        (["models:/clip/1", "--alias-if-passed", "audited"], "--alias-if-passed"),
    ],
)
def test_there_must_be_a_version_to_log_at(command, arguments, option, capsys):
    assert main([command, *arguments]) == 2
    err = capsys.readouterr().err
    assert f"[registry.log] {option}" in err
    assert len(err.splitlines()) == 1
