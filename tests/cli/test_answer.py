"""What a command leaves behind: JSON, summary, files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import MappingProxyType, ModuleType

import jsonschema
import pytest

from clipguard.core import schema
from clipguard.core.errors import InputError, RefusedError

BROKEN = InputError("file.truncated", "the file ends early", remedy="download it again")


def validated(text: str) -> dict:
    """The one JSON document that a stream holds."""
    result = json.loads(text)
    jsonschema.validate(result, schema.json_schema())
    return result


def test_scan_answers_on_stdout_and_summarises_on_stderr(cli, pipeline):
    ended = cli("scan", "m.pt")
    assert validated(ended.out)["status"] == "pass"
    assert ended.out.encode() == schema.dumps(schema.loads(ended.out.encode()))
    assert "scan: replay 0/2" in ended.err


@pytest.mark.parametrize("arguments", [("-q", "scan", "m.pt"), ("scan", "m.pt", "--quiet")])
def test_quiet_is_quiet(cli, pipeline, arguments):
    ended = cli(*arguments)
    assert validated(ended.out)
    assert ended.err == ""


def test_output_takes_the_place_of_stdout(cli, pipeline, tmp_path):
    ended = cli("scan", "m.pt", "-o", "result.json", "--html", "report.html")
    assert ended.code == 0
    assert ended.out == ""
    assert validated((tmp_path / "result.json").read_text())
    assert "<html" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (BROKEN, 2, "error"),
        (RefusedError("file.limits", "too many members"), 3, "inconclusive"),
        (RuntimeError("unforeseen"), 70, "error"),
    ],
)
def test_a_failure_is_answered_as_well(cli, pipeline, tmp_path, error, code, status):
    pipeline.error = error
    for ended, text in (
        (cli("scan", "m.pt"), None),
        (cli("scan", "m.pt", "-o", "result.json"), "result.json"),
        (cli("clean", "m.pt", "--json"), None),
        (cli("audit", "m.pt", "--json"), None),
    ):
        result = validated((tmp_path / text).read_text() if text else ended.out)
        assert (ended.code, result["exit_code"], result["status"]) == (code, code, status)
        assert result["error"]["message"]
        assert result["settings"]["model"] == "m.pt"


@pytest.mark.parametrize("command", ["clean", "audit"])
def test_folders_are_the_answer_of_clean_and_audit(cli, pipeline, command):
    assert cli(command, "m.pt").out == ""
    assert validated(cli(command, "m.pt", "--json").out)


def test_a_place_that_cannot_be_written_is_found_before_the_work(cli, pipeline, tmp_path):
    ended = cli("scan", "m.pt", "-o", "nowhere/result.json")
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[output.no_folder]" in ended.err
    ended = cli("scan", "m.pt", "--html", tmp_path)
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[output.is_folder]" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "m.pt"),
        ("--html", "link.pt"),
        ("-o", "labels.txt", "--labels", "labels.txt"),
        ("-o", "new", "--html", "./new"),
        ("-o", "m.pt", "--images", "a", "--data", "b"),
    ],
)
def test_no_input_is_written_over(cli, pipeline, tmp_path, arguments):
    for name in ("m.pt", "labels.txt"):
        (tmp_path / name).write_text("precious")
    (tmp_path / "link.pt").symlink_to("m.pt")
    ended = cli("scan", "m.pt", *arguments)
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[output.same_file]" in ended.err
    assert all((tmp_path / name).read_text() == "precious" for name in ("m.pt", "labels.txt"))


@pytest.mark.parametrize("option", ["--labels", "--images", "--data"])
def test_a_missing_input_is_told_before_the_work(cli, pipeline, option):
    ended = cli("scan", "m.pt", option, "nowhere")
    assert (ended.code, pipeline.requests) == (2, [])
    assert f"error [file.missing] {option} nowhere: no such file; check the path" in ended.err


def test_demo_writes_where_it_is_told(cli, pipeline, monkeypatch):
    asked = []

    def demo(output: Path, progress: object, seed: int) -> object:
        asked.append((output, seed))
        progress.say("the report lies in out/audit.html")
        return pipeline(_Request(), progress)

    module = ModuleType("clipguard.pipeline.demo")
    module.demo = demo
    monkeypatch.setitem(sys.modules, module.__name__, module)
    pipeline.exit_code = 3
    ended = cli("demo", "-o", "out", "--seed", "7")
    assert (ended.code, ended.out) == (3, "")
    assert "demo: the report lies in out/audit.html" in ended.err
    assert cli("demo", "-q").err == ""
    assert asked == [(Path("out"), 7), (Path("clipguard-demo"), 0)]


class _Request:
    settings = origins = MappingProxyType({})
