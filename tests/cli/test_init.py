"""``clipguard init``: a file to start from."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from clipguard.cli.group import group
from clipguard.config import settings

ENTRY = re.compile(r"^# (?=\w+ = |\[\[)", re.MULTILINE)


def test_it_is_accepted_as_written(cli, pipeline):
    assert cli("init").out == "clipguard.toml\n"
    assert cli("scan", "m.pt").code == 0
    assert set(pipeline.request.origins.values()) == {"command line", "default"}


def test_every_line_that_is_switched_on_is_accepted_too(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1893456000")  # 2030-01-01
    assert cli("init").code == 0
    path = tmp_path / "clipguard.toml"
    path.write_text(ENTRY.sub("", path.read_text()))
    read = settings.read(path)
    assert settings.POLICY.keys() <= read.values["audit"].keys()
    assert [item.id for item in read.ignores] == ["checker-patch"]


@pytest.mark.parametrize("key", ["seed", "device", "carriers", "prior", "fail_on"])
def test_what_is_called_a_default_is_one(cli, tmp_path, key):
    cli("init")
    text = (tmp_path / "clipguard.toml").read_text()
    with click.Context(group) as ctx:
        option = next(item for item in group.get_command(ctx, "scan").params if item.name == key)
        default = list(option.default) if isinstance(option.default, tuple) else option.default
    path = tmp_path / "one.toml"
    table = "[policy]\n" if key in settings.POLICY else ""
    path.write_text(table + re.search(rf"^# ({key} = .*)$", text, re.MULTILINE)[1])
    assert settings.read(path).values["scan"][key] == default


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_written_over(cli, tmp_path, kind):
    path = tmp_path / "clipguard.toml"
    if kind == "file":
        path.write_text("seed = 3\n")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    ended = cli("init")
    assert (ended.code, ended.out) == (2, "")
    assert "[output.exists] clipguard.toml" in ended.err
    assert kind != "file" or path.read_text() == "seed = 3\n"
    assert not Path("nowhere").exists()
