"""Progress: plain lines, bars, silence."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from clipguard.cli import console
from clipguard.core.progress import SILENT


def test_plain_lines_are_rare(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = console.PlainProgress("scan", interval=5)
    with progress.stage("replay", 180) as stage:
        for _ in range(180):
            stage.advance(note="noise")
            now[0] += 0.1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scan: replay 0/180"
    assert 4 <= len(lines) <= 5
    assert lines[-1].startswith("scan: replay 1")
    assert lines[-1].endswith("/180 noise")


def test_unknown_totals_and_announcements(capsys):
    progress = console.PlainProgress("clean", interval=0)
    with progress.stage("steps") as stage:
        stage.advance(3)
    progress.say("learning rate 1e-05\x1b[31m")
    assert capsys.readouterr().err.splitlines() == [
        "clean: steps 0",
        "clean: steps 3",
        "clean: learning rate 1e-05\\u{1b}[31m",
    ]


def test_quiet_and_not_a_terminal():
    assert console.progress(quiet=True) is SILENT
    assert isinstance(console.progress(command="scan"), console.PlainProgress)


def test_a_reader_that_went_away_stops_no_work(monkeypatch):
    tried: list[str] = []

    class Gone:
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    console.tell("nobody listens")
    assert "nobody listens" in "".join(tried)


BARS = """
from clipguard.cli import console
progress = console.progress()
with progress.stage("replay", 2) as outer:
    outer.advance(note="noise")
    with progress.stage("inner") as inner:
        inner.advance()
    progress.say("found [something]")
print(type(progress).__name__)
"""


@pytest.mark.parametrize(
    ("variables", "kind", "coloured"),
    [
        ({"TERM": "xterm-256color"}, "BarProgress", True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "BarProgress", False),
        ({"TERM": "dumb"}, "PlainProgress", False),
    ],
)
def test_on_a_terminal(variables, kind, coloured):
    ours, theirs = pty.openpty()
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", BARS],
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    shown = _read(ours)
    assert done.stdout.decode().strip() == kind
    assert "found [something]" in shown
    assert ("\x1b[3" in shown or "\x1b[1;3" in shown) == coloured


def _read(descriptor: int) -> str:
    parts = []
    try:
        while part := os.read(descriptor, 4096):
            parts.append(part)
    except OSError:  # how Linux tells that the other end of a terminal is closed
        os.close(descriptor)
    return b"".join(parts).decode()
