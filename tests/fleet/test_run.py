"""Running a plan: what is kept, what is done again, and what a lost process costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from waiting import until

from clipguard.core import schema
from clipguard.core.results import Failure

FIRST = "fleet-plan.json"


@pytest.fixture
def answers(children, empty_result, tmp_path):
    """Every child writes a result with an exit code, after ``before``, and notes that it ran."""

    def answer(exit_code: int, before: str = "", error: str = "file.empty") -> None:
        failure = Failure(code=error, message="m", remedy="r") if exit_code == 2 else None
        result = replace(empty_result, exit_code=exit_code, error=failure)
        (tmp_path / "answer").write_bytes(schema.dumps(result))
        note = f"echo $model >> {tmp_path}/ran"
        children(f'{note}\n{before}\ncp {tmp_path}/answer "$json"\nexit {exit_code}')

    return answer


def ran(tmp_path):
    lines = (tmp_path / "ran").read_text().splitlines() if (tmp_path / "ran").exists() else []
    return sorted(line.rpartition("/")[2] for line in lines)


def rows(tmp_path):
    table = json.loads((tmp_path / "clipguard-fleet/fleet.json").read_text())
    return {row["model"].rpartition("/")[2]: row for row in table["rows"]}


def test_real_files_end_one_by_one_and_once(cli, planned, tmp_path):
    code, out, told = cli("run", "--jobs", 2)
    assert code == 1
    assert {name: (row["exit_code"], row["code"]) for name, row in rows(tmp_path).items()} == {
        "hostile.pt": (1, "file.pickle_exec"),
        "truncated.pt": (2, "file.truncated"),
        "empty.pt": (2, "file.empty"),
    }
    assert out.endswith("3 models: 1 with 1, 2 with 2; exit 1\n")
    assert out.index("hostile") < out.index("empty")
    assert not (tmp_path / "executed").exists()
    for row in rows(tmp_path).values():
        folder = tmp_path / "clipguard-fleet" / row["folder"]
        assert schema.loads((folder / "result.json").read_bytes()).exit_code == row["exit_code"]
        assert (folder / "report.html").read_bytes().startswith(b"<!doctype html>")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    first = (tmp_path / "clipguard-fleet/fleet.json").read_bytes()
    again, _, told = cli("run", "--jobs", 2)
    assert again == 1
    assert "all 3 results are there already; nothing to do" in told
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == before
    assert (tmp_path / "clipguard-fleet/fleet.json").read_bytes() == first


def test_only_what_is_missing_is_done(cli, planned, answers, models, tmp_path):
    answers(0)
    assert cli("run", "--shard", 0)[0] == 0
    assert ran(tmp_path) == ["truncated.pt"]
    assert cli("merge")[0] == 2, "two have no result yet"
    assert rows(tmp_path)["empty.pt"]["code"] == "fleet.no_result"
    code, _, told = cli("run")
    assert code == 0
    assert "1 results are there already and stay; 2 to do" in told
    assert ran(tmp_path) == ["empty.pt", "hostile.pt", "truncated.pt"]


def test_models_of_equal_content_are_done_once(cli, models, answers, tmp_path):
    (models / "copy.pt").touch()
    answers(0)
    assert cli("plan", "models")[0] == 0
    assert cli("run", "--jobs", 3)[0] == 0
    assert len(ran(tmp_path)) == 3
    assert set(rows(tmp_path)) == {"copy.pt", "empty.pt", "hostile.pt", "truncated.pt"}


def test_a_killed_process_is_started_once_more(cli, planned, answers, tmp_path):
    answers(0, f"[ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; kill -9 $$; }}")
    assert cli("run")[0] == 0
    assert len(ran(tmp_path)) == 4
    assert {row["exit_code"] for row in rows(tmp_path).values()} == {0}
    assert len(list((tmp_path / "clipguard-fleet").iterdir())) == 3 + 3, "and leaves nothing"


def test_one_that_never_comes_back_is_an_error_and_asked_again_later(
    cli, planned, answers, tmp_path
):
    answers(0, "case $model in *hostile*) kill -9 $$;; esac")
    assert cli("run", "--jobs", 2)[0] == 2
    assert len(ran(tmp_path)) == 4
    lost = rows(tmp_path)["hostile.pt"]
    assert (lost["exit_code"], lost["code"]) == (2, "fleet.lost")
    assert "SIGKILL" in lost["told"]
    assert cli("merge")[0] == 2
    answers(1)
    assert cli("run")[0] == 1
    assert len(ran(tmp_path)) == 5


@pytest.mark.parametrize(
    ("exit_code", "error", "again"),
    [(2, "file.empty", 0), (3, "", 0), (2, "env.memory", 3), (70, "", 0)],
)
def test_errors_of_the_machine_are_no_answers(
    cli, planned, answers, tmp_path, exit_code, error, again
):
    answers(exit_code, error=error)
    assert cli("run")[0] == exit_code
    assert cli("run")[0] == exit_code
    assert len(ran(tmp_path)) == 3 + again


def test_a_model_that_changed_is_not_taken_for_the_planned_one(
    cli, planned, answers, models, tmp_path
):
    answers(0)
    (models / "empty.pt").write_bytes(b"no longer")
    (models / "hostile.pt").unlink()
    assert cli("run")[0] == 2
    assert ran(tmp_path) == ["truncated.pt"]
    assert rows(tmp_path)["empty.pt"]["code"] == "fleet.other_model"
    assert rows(tmp_path)["hostile.pt"]["code"] == "fleet.unreadable"


def test_a_plan_of_other_settings_is_refused(cli, planned, answers, tmp_path):
    answers(0)
    (tmp_path / "clipguard.toml").write_text("carriers = 48\n")
    code, _, told = cli("run")
    assert (code, ran(tmp_path)) == (2, [])
    assert "[fleet.other_settings]" in told
    assert cli("merge")[0] == 2, "a merge needs no settings, and finds no results"


def test_a_shard_that_is_not_there(cli, planned):
    code, _, told = cli("run", "--shard", 9)
    assert code == 2
    assert "[fleet.shard]" in told


def test_a_damaged_result_is_named(cli, planned, answers, tmp_path):
    answers(0)
    assert cli("run")[0] == 0
    broken = next(tmp_path.glob("clipguard-fleet/*/result.json"))
    broken.write_text("{}")
    code, _, told = cli("run")
    assert code == 2
    assert broken.parent.name in told


def test_stopping_ends_the_children_and_keeps_what_is_finished(planned, tmp_path):
    script = (
        "import sys; from clipguard.fleet import work; "
        "work.sys.executable = sys.argv.pop(1); "
        "from clipguard.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    program = tmp_path / "slow"
    program.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 600\n")
    program.chmod(0o755)
    fleet = subprocess.Popen(
        [sys.executable, "-c", script, str(program), "fleet", "run", "--jobs", "2"],
        stderr=subprocess.DEVNULL,
    )
    until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count("\n") > 1)
    fleet.send_signal(signal.SIGTERM)
    assert fleet.wait(60) == 143
    for pid in (tmp_path / "pids").read_text().split():
        until(lambda pid=pid: not _runs(int(pid)))
    assert list((tmp_path / "clipguard-fleet").iterdir()) == []


def test_without_ray_its_engine_says_what_to_install(cli, planned, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, told = cli("run", "--engine", "ray")
    assert code == 2
    assert "[fleet.ray]" in told
    assert "clipguard[fleet]" in told


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
