"""What a plan lists, how it spreads the work, and what makes it another plan."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

NAMES = ["models/deeper/truncated.pt", "models/empty.pt", "models/hostile.pt"]


def members(tmp_path, name="fleet-plan.json"):
    return json.loads((tmp_path / name).read_text())["members"]


def keys(tmp_path):
    return {item["key"] for item in members(tmp_path)}


@pytest.mark.parametrize("given", [["models"], ["models/**/*.pt"], ["--list", "models/all.txt"]])
def test_folders_patterns_and_lists_lead_to_the_same_models(cli, models, tmp_path, given):
    (models / "all.txt").write_text("# ours\n\nhostile.pt\nempty.pt\ndeeper\n")
    code, out, _ = cli("plan", *given)
    assert code == 0
    assert [item["model"] for item in members(tmp_path)] == NAMES
    for item in members(tmp_path):
        data = (tmp_path / item["model"]).read_bytes()
        assert item["sha256"] == hashlib.sha256(data).hexdigest()
        assert item["size_bytes"] == len(data)
        assert item["sha256"][:16] in out


def test_a_folder_with_a_configuration_is_one_model(cli, models, tmp_path):
    (models / "deeper/config.json").write_text("{}")
    assert cli("plan", "models")[0] == 0
    first = members(tmp_path)[0]
    assert first["model"] == "models/deeper"
    (models / "deeper/config.json").write_text("[]")
    assert cli("plan", "models")[0] == 0
    assert members(tmp_path)[0]["key"] != first["key"]


def test_the_matrix_has_every_model_once(cli, models, tmp_path):
    code, out, _ = cli("plan", "models", "--json")
    jobs = json.loads(out)["include"]
    assert code == 0
    assert [job["shard"] for job in jobs] == [0, 1, 2]
    assert jobs[0] == {"shard": 0, "models": 1, "size_bytes": 100_000, "name": "truncated.pt"}
    code, out, _ = cli("plan", "models", "--shards", 2, "--json")
    jobs = json.loads(out)["include"]
    assert [(job["models"], job["size_bytes"] > 1000) for job in jobs] == [(1, True), (2, False)]
    assert {item["shard"] for item in members(tmp_path)} == {0, 1}


def test_equal_questions_have_equal_keys_and_others_do_not(cli, models, tmp_path):
    def asked(*line):
        assert cli("plan", "models", "--", *line)[0] == 0
        return keys(tmp_path)

    first = asked("scan")
    assert asked() == first, "scan is what is done where nothing else is asked for"
    assert asked("scan", "--carriers", "96") == first, "a default that is given changes nothing"
    assert not asked("scan", "--carriers", "48") & first
    assert not asked("audit") & first
    (tmp_path / "clipguard.toml").write_text("carriers = 48\n")
    assert not asked("scan") & first
    (tmp_path / "clipguard.toml").unlink()
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    labelled = asked("scan", "--labels", "labels.txt")
    (tmp_path / "labels.txt").write_text("dog\nfox\n")
    assert not asked("scan", "--labels", "labels.txt") & labelled


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["plan"], "usage.model"),
        (["plan", "nowhere.pt"], "fleet.no_model"),
        (["plan", "models/notes*.pt"], "fleet.no_model"),
        (["plan", "--list", "nowhere.txt"], "fleet.list"),
        (["plan", "models", "--", "clean"], "fleet.command"),
        (["plan", "models", "--", "scan", "--carriers", "3"], "usage.command_line"),
        (["plan", "models", "--", "scan", "other.pt"], "usage.command_line"),
        (["plan", "models", "--", "scan", "-o", "x.json"], "fleet.option"),
        (["plan", "models", "--", "audit", "--report", "html=x"], "fleet.option"),
        (["plan", "pipe"], "fleet.unreadable"),
        (["merge", "nowhere.json"], "fleet.plan"),
        (["run", "models/notes.txt"], "fleet.plan"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(cli, models, tmp_path, line, code):
    os.mkfifo(tmp_path / "pipe")
    ended, _, told = cli(*line)
    assert ended == 2
    assert told.startswith(f"clipguard: error [{code}]")
    assert told.count("\n") == 1
    assert not (tmp_path / "fleet-plan.json").exists()


def test_the_same_models_elsewhere_have_the_same_keys(cli, models, tmp_path):
    assert cli("plan", "models")[0] == 0
    first = keys(tmp_path)
    shutil.move(models, tmp_path / "moved")
    assert cli("plan", "moved")[0] == 0
    assert keys(tmp_path) == first
