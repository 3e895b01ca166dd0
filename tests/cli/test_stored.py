"""``clipguard report`` and ``clipguard compare``: stored results, without model or torch."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipguard.cli import stored
from clipguard.core import schema
from clipguard.core.results import SCHEMA_VERSION, Result, ToolInfo
from clipguard.report.formats import FORMATS, render

STORED = Result(
    schema_version=SCHEMA_VERSION,
    command="scan",
    tool=ToolInfo(name="clipguard", version="0", rules_sha256="0" * 64),
    environment=None,
    settings={"model": "model.pt"},
    origins={"model": "command line"},
    status="pass",
    exit_code=0,
    complete=True,
)
WITHOUT_TORCH = """
import json, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "open_clip", "onnxruntime"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Blocked())
from clipguard.cli import main
codes = [main(["report", "result.json", "--format", name, "-o", name]) for name in sys.argv[1:]]
codes += [main(["compare", "result.json", "result.json"])]
Path("codes").write_text(json.dumps(codes))
"""


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A stored result in the working folder."""
    path = tmp_path / "result.json"
    path.write_bytes(schema.dumps(STORED))
    return path


def test_every_format_without_torch(planted, tmp_path):
    result = schema.loads(json.dumps(planted).encode())
    (tmp_path / "result.json").write_bytes(schema.dumps(result))
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *FORMATS], cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "codes").read_text()) == [0] * (len(FORMATS) + 1)
    for name in FORMATS:
        assert (tmp_path / name).read_bytes() == render(result, name), name


@pytest.mark.parametrize("name", FORMATS)
def test_stdout_and_files_hold_the_same_bytes_every_time(cli, result, tmp_path, name):
    shown = cli("report", result, "--format", name)
    assert (shown.code, shown.err) == (0, "")
    assert cli("report", result, "--format", name, "-o", "out").out == ""
    assert (tmp_path / "out").read_bytes() == shown.out.encode()
    assert "model.pt" in shown.out


def test_text_is_the_default_and_stdin_is_read(cli, result, monkeypatch):
    text = cli("report", result).out
    assert text.startswith("COULD NOT RUN  model.pt")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(result.read_bytes())))
    assert cli("report", "-").out == text


def test_the_stored_exit_code_stays_inside(cli, result):
    result.write_bytes(schema.dumps(replace(STORED, status="fail", exit_code=1)))
    ended = cli("report", result)
    assert ended.code == 0
    assert "exit        1:" in ended.out


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "file.missing"),
        (b"", "result.invalid"),
        (b"{}", "result.invalid"),
        (b"\xff\xfe", "result.invalid"),
        (b'"\xff"', "result.invalid"),
        (b"[" * 100_000, "result.invalid"),
        (b'{"a":' * 100_000, "result.invalid"),
        (b"PK\x03\x04", "result.invalid"),
    ],
)
@pytest.mark.parametrize("command", ["report", "compare"])
def test_what_is_no_result_is_one_line(cli, tmp_path, data, code, command):
    path = tmp_path / "broken.json"
    if data is not None:
        path.write_bytes(data)
    ended = cli(command, path, *([path] if command == "compare" else []))
    assert (ended.code, ended.out) == (2, "")
    assert f"error [{code}] {path}" in ended.err
    assert ended.err.count("\n") == 1


def test_folders_and_giants_are_refused(cli, result, tmp_path, monkeypatch):
    assert "[result.unreadable]" in cli("report", tmp_path).err
    monkeypatch.setattr(stored, "LARGEST", 10)
    assert "[result.too_large]" in cli("report", result).err


def test_a_report_never_hits_its_result(cli, result, tmp_path):
    kept = result.read_bytes()
    (tmp_path / "link.json").symlink_to(result)
    for name in ("result.json", "link.json", "./result.json"):
        assert "[output.same_file]" in cli("report", result, "-o", name).err
    assert "[output.no_folder]" in cli("report", result, "-o", "nowhere/x").err
    assert result.read_bytes() == kept


_NUMBERS = st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(["likelihood", "prior", "likelihood_ratio"]), _NUMBERS))
def test_odd_figures_are_told_and_end_in_no_traceback(cli, tmp_path, planted, numbers):
    planted["delivered"]["verdict"] |= numbers
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(planted))
    for name in ("markdown", "sarif", "junit", "text"):
        ended = cli("report", path, "--format", name)
        assert ended.code == 0 or "[result.invalid]" in ended.err
    assert cli("compare", path, path).code == 0


def test_figures_that_cannot_be_drawn_are_an_error_of_the_file(cli, planted, tmp_path):
    planted["delivered"]["verdict"]["likelihood_ratio"] = -1.0
    (tmp_path / "odd.json").write_text(json.dumps(planted))
    ended = cli("report", "odd.json", "--format", "html")
    assert (ended.code, ended.out) == (2, "")
    assert "error [result.invalid] odd.json: holds figures" in ended.err


@pytest.fixture
def planted() -> dict:
    """The JSON of a scan."""
    text = (Path(__file__).parents[1] / "report/evaluation.json").read_text()
    subject = json.loads(text)["subject"]
    verdict = {
        "outcome": "no_evidence", "likelihood": 0.1, "prior": 0.1, "likelihood_ratio": 1.0,
        "calibration": "replay-1", "trigger": None, "variant": None, "concept": None,
        "summary": "No evidence was found.", "reasons": [], "not_covered": ["text triggers"],
    }  # fmt: skip
    scan = {"subject": subject, "seed": 0, "checks": [], "replay": None, "verdict": verdict,
            "demonstrations": []}  # fmt: skip
    return {**json.loads(schema.dumps(STORED)), "delivered": scan}


def test_compare_ends_with_1_when_something_got_worse(cli, result, tmp_path):
    worse = tmp_path / "worse.json"
    worse.write_bytes(schema.dumps(replace(STORED, status="fail", exit_code=1)))
    same = cli("compare", result, result)
    assert (same.code, same.out) == (0, "NOTHING CHANGED  model.pt -> model.pt\n")
    ended = cli("compare", result, worse)
    assert ended.code == 1
    assert ended.out.startswith("WORSE")
    assert cli("compare", worse, result).code == 0
    told = json.loads(cli("compare", result, worse, "--json").out)
    assert told["worse"] is True
    assert {item["name"] for item in told["changes"]} == {"status", "exit code"}


def test_the_tolerance_decides_about_likelihoods(cli, planted, tmp_path):
    for name, likelihood in (("a", 0.1), ("b", 0.14)):
        planted["delivered"]["verdict"]["likelihood"] = likelihood
        (tmp_path / name).write_text(json.dumps(planted))
    assert cli("compare", "a", "b").code == 0
    assert cli("compare", "a", "b", "--tolerance", 0.01).code == 1
    assert cli("compare", "a", "b", "--tolerance", "nan").code == 2
