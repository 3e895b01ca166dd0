"""Every way out of a command, and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clipguard.core.errors import InputError, MachineError, RefusedError
from clipguard.core.exits import Exit

PROGRAM = """
import sys, types
from tests_cli_border import body
module = types.ModuleType("clipguard.pipeline.scan")
module.scan = body
sys.modules[module.__name__] = module
from clipguard.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_result_decides(cli, pipeline, code):
    pipeline.exit_code = code
    assert cli("scan", "model.pt").code == code


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (InputError("file.truncated", "the file ends early", where="a.pt"), 2, "error"),
        (MachineError("env.disk", "no space left"), 2, "error"),
        (RefusedError("file.limits", "too many members", where="a.pt"), 3, "refused"),
        (MemoryError(), 2, "error [env.memory]"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "error [env.memory]"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "error [env.package]"),
        (RuntimeError("unforeseen"), 70, "bug"),
        (EOFError("a reader's bug, not an interrupt"), 70, "bug"),
        (ModuleNotFoundError("No module", name="clipguard.nowhere"), 70, "bug"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_is_raised_decides(cli, pipeline, error, code, word):
    pipeline.error = error
    ended = cli("scan", "-q", "model.pt")
    assert ended.code == code
    assert ended.err.startswith(f"clipguard: {word}")
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [("--debug", "scan", "m"), ("scan", "m", "--debug")])
def test_debug_shows_the_traceback(cli, pipeline, arguments):
    pipeline.error = RuntimeError("unforeseen")
    ended = cli(*arguments)
    assert ended.code == Exit.BUG
    assert "Traceback" in ended.err
    assert ended.err.splitlines()[-1].startswith(
        "clipguard: bug [bug.unforeseen] RuntimeError: unforeseen"
    )


def test_untrusted_text_cannot_move_the_cursor(cli, pipeline):
    evil = "a\x1b[2J\u202eb\nc" + "d" * 400
    pipeline.error = InputError("file.missing", evil, where=evil, remedy="check the path")
    ended = cli("scan", "-q", "model.pt")
    assert "\x1b" not in ended.err
    assert "\u202e" not in ended.err
    assert ended.err.count("\n") == 1
    assert ended.err.rstrip().endswith("; check the path")
    assert len(ended.err) < 600


@pytest.mark.parametrize(
    "arguments",
    [
        ("scna",),
        ("--bogus",),
        ("scan", "--bogus"),
        ("scan", "m", "--carriers", "many"),
        ("scan", "m", "--carriers", "3"),
        ("scan", "m", "--prior", "nan"),
        ("scan", "m", "--prior", "1"),
        ("scan", "m", "--fail-on", "clean"),
        ("scan", "m", "extra"),
        ("scan", "m", "--seed"),
        ("clean", "m", "--learning-rate", "inf"),
        ("scan",),
        ("clean",),
        ("audit",),
    ],
)
def test_usage_errors(cli, pipeline, arguments):
    ended = cli(*arguments)
    assert ended.code == Exit.ERROR
    assert ended.err.startswith("clipguard: error [usage.")
    assert ended.err.count("\n") == 1
    assert pipeline.requests == []


def test_no_arguments_show_the_help_as_an_error(cli):
    ended = cli()
    assert ended.code == Exit.ERROR
    assert ended.out == ""
    assert "Exit codes:" in ended.err


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",), ("scan", "-h")])
def test_help_is_an_answer(cli, arguments):
    ended = cli(*arguments)
    assert ended.code == Exit.PASS
    assert ended.out
    assert ended.err == ""


def test_unknown_device(cli, pipeline):
    ended = cli("scan", "m", "--device", "toaster")
    assert ended.code == Exit.ERROR
    assert "[env.device] --device toaster" in ended.err
    assert json.loads(ended.out)["error"]["code"] == "env.device"


def start(tmp_path: Path, body: str, *arguments: str, **keywords: object) -> subprocess.Popen:
    """``clipguard ARGUMENTS`` in its own process, with ``body`` in place of the scan."""
    (tmp_path / "tests_cli_border.py").write_text(body)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=listen,
        **keywords,
    )


def listen() -> None:
    """A shell's background jobs ignore SIGINT and hand that on; a terminal's do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


WAITS = """
import pathlib, time
from clipguard.core import atomic
def body(request, progress):
    with atomic.folder(pathlib.Path("out")) as folder:
        (folder / "half").write_text("half")
        pathlib.Path("started").touch()
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)]
)
def test_signals_leave_nothing_half_written(tmp_path, number, code):
    process = start(tmp_path, WAITS, "scan", "-q", "model.pt", stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert out == b""
    assert err.decode().splitlines() == [f"clipguard: {code.name.lower()}"]
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"started", "tests_cli_border.py"}


FINDS = """
from dataclasses import replace
from clipguard.core.results import Result, ToolInfo
def body(request, progress):
    return Result(
        schema_version="1.0", command="scan", environment=None, status="fail", exit_code=1,
        tool=ToolInfo(name="clipguard", version="0", rules_sha256="0"), complete=True,
        settings={f"filler{n}": "x" * 100 for n in range(5000)}, origins={},
    )
"""


def test_a_closed_pipe_keeps_the_exit_code_already_earned(tmp_path):
    reader, writer = os.pipe()
    process = start(tmp_path, FINDS, "scan", "-q", "model.pt", stdout=writer)
    os.close(writer)
    os.close(reader)
    _, err = process.communicate(timeout=30)
    assert process.returncode == Exit.FINDING
    assert err == b""


def test_a_closed_pipe_silences_a_listing():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "clipguard", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert done.returncode == Exit.PASS
    assert done.stderr == b""


TALKS = """
import logging, warnings
def body(request, progress):
    logging.getLogger("clipguard.probes").info("ours, in passing")
    logging.getLogger("library").warning("theirs, a warning")
    logging.getLogger("library").error("theirs, an error")
    warnings.warn("a library's warning")
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    ("flag", "heard"),
    [
        ("--quiet", {"an error"}),
        ("--verbose", {"an error", "a warning", "in passing", "library's warning"}),
    ],
)
def test_how_much_is_told(tmp_path, flag, heard):
    process = start(tmp_path, TALKS, "scan", flag, "model.pt", stdout=subprocess.PIPE)
    _, err = process.communicate(timeout=30)
    all_of_it = {"an error", "a warning", "in passing", "library's warning"}
    assert {text for text in all_of_it if text in err.decode()} == heard


def test_of_several_processes_one_speaks(cli, pipeline, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    ended = cli("clean", "m.pt", "--json")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    pipeline.error = InputError("file.missing", "no such file")
    assert cli("clean", "m.pt").err == ""
    pipeline.error = MachineError("env.memory", "not enough memory")
    assert "not enough memory" in cli("clean", "m.pt").err
    monkeypatch.setenv("RANK", "0")
    pipeline.error = None
    assert json.loads(cli("clean", "m.pt", "--json").out)["status"] == "pass"
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "1")
    assert cli("clean", "m.pt", "--json").out


def test_a_slip_in_a_command_is_answered_with_the_nearest_one(cli):
    assert "did you mean scan?" in cli("scna").err
    assert cli("scna").code == 2
    assert "did you mean" not in cli("xyzzy").err
