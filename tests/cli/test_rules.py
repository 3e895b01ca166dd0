from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from clipguard.cli.rules import command
from clipguard.core.errors import ConfigError
from clipguard.triggers import load_rules


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_table_names_every_family():
    lines = run().stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == [rule.id for rule in load_rules()]
    assert "families" in lines[-1]


def test_one_cluster():
    lines = run("--cluster", "t").stdout.splitlines()
    assert {line.split()[1] for line in lines[1:-2]} == {"T"}


def test_an_unknown_cluster_lists_the_known():
    answer = CliRunner().invoke(command, ["--cluster", "Y"])
    assert answer.exit_code == 2
    assert "W warps" in answer.output


def test_json_holds_every_parameter():
    families = json.loads(run("--json", "--cluster", "X").stdout)
    crop = next(family for family in families if family["id"] == "crop-patch")
    assert crop["variants"][0]["params"]["texture"] == "crop"


def test_an_own_file_is_checked(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[[family]]\nid = 'x'\n")
    with pytest.raises(ConfigError, match="missing"):
        run("--file", str(path))
