"""Under Ray the same plan ends in the same table. Ray is not installed for ordinary test runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from waiting import until

pytest.importorskip("ray")
TABLES = ("fleet.json", "fleet.html", "fleet.xml")


@pytest.mark.slow
def test_with_a_worker_killed_the_table_is_that_of_the_local_engine(cli, planned, tmp_path):
    assert cli("run", "-o", "local")[0] == 1
    killed: list[int] = []
    killer = threading.Thread(target=_kill_a_worker, args=(tmp_path / "ray", killed), daemon=True)
    killer.start()
    code, _, told = cli("run", "-o", "ray", "--engine", "ray", "--jobs", 2)
    assert code == 1
    assert killed, "no worker was caught at work"
    assert "Ray was ready after" in told
    for name in TABLES:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("ray/*/*")}
    code, _, told = cli("run", "-o", "ray", "--engine", "ray", "--jobs", 2)
    assert code == 1
    assert "all 3 results are there already; nothing to do" in told
    assert "Ray was ready" not in told
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("ray/*/*")} == before


@pytest.mark.slow
def test_a_terminated_run_ends_with_its_code_and_its_processes(planned, tmp_path):
    fleet = subprocess.Popen(
        [sys.executable, "-m", "clipguard", "fleet", "run", "--engine", "ray"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any("Ray was ready after" in line for line in fleet.stderr)
    fleet.send_signal(signal.SIGTERM)
    assert fleet.stderr.read().endswith("clipguard: terminated\n")
    assert fleet.wait(120) == 143
    until(lambda: not _at_work_in(tmp_path))


def test_where_nobody_listens_is_told_at_once(cli, planned, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    code, _, told = cli("run", "--engine", "ray", "--address", address)
    assert code == 2
    last = told.splitlines()[-1]
    assert last.startswith(f"clipguard: error [fleet.no_cluster] --address {address}: ")
    assert "refused" in last
    assert "check the address" in last


def _kill_a_worker(place: Path, killed: list[int]) -> None:
    """Kill the process of Ray whose child is the first to work in a folder."""
    while not killed:
        for child in _at_work_in(place):
            with suppress(OSError):
                parent = int((child / "stat").read_text().rpartition(")")[2].split()[1])
                os.kill(parent, signal.SIGKILL)
                killed.append(parent)
                return
        time.sleep(0.05)


def _at_work_in(place: Path) -> list[Path]:
    """Entries in /proc of the children that write their results into a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"json={place}" in (entry / "cmdline").read_text(errors="replace"):
                found.append(entry)
    return found
