"""``--report FMT=PATH`` and the lines for GitHub Actions."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clipguard.core.errors import InputError

BROKEN = InputError("file.truncated", "the file ends early", remedy="download it again")
ALL = ("html=a.html", "json=a.json", "junit=a.xml", "markdown=a.md", "sarif=a.sarif", "text=a.txt")
COMMANDS = pytest.mark.parametrize("command", ["scan", "clean", "audit"])


def asked(*reports: str) -> list[str]:
    return [part for report in reports for part in ("--report", report)]


@COMMANDS
def test_several_reports_in_one_run(cli, pipeline, tmp_path, command):
    ended = cli(command, "m.pt", *asked(*ALL))
    assert ended.code == 0
    assert json.loads((tmp_path / "a.sarif").read_text())["runs"][0]["results"] == []
    assert ElementTree.parse(tmp_path / "a.xml").getroot().tag == "testsuites"  # noqa: S314
    assert (tmp_path / "a.md").read_text().startswith("## clipguard")
    assert "<html" in (tmp_path / "a.html").read_text()
    assert "m.pt" in (tmp_path / "a.txt").read_text()
    stored = (tmp_path / "a.json").read_text()
    assert "report" not in json.loads(stored)["settings"]
    if command == "scan":
        assert stored == ended.out
    assert list(tmp_path.glob(".clipguard-*")) == []


@COMMANDS
def test_a_failure_is_reported_as_well(cli, pipeline, tmp_path, command):
    pipeline.error = BROKEN
    assert cli(command, "m.pt", *asked("sarif=a.sarif", "junit=a.xml")).code == 2
    (run,) = json.loads((tmp_path / "a.sarif").read_text())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "file.truncated" in (tmp_path / "a.xml").read_text()


@COMMANDS
@pytest.mark.parametrize(
    "reports",
    [
        ("sarif=m.pt",),
        ("sarif=link.pt",),
        ("sarif=one", "junit=one"),
        ("sarif=one", "junit=./one"),
        ("sarif=labels.txt",),
    ],
)
def test_no_report_hits_an_input_or_another_report(cli, pipeline, tmp_path, command, reports):
    for name in ("m.pt", "labels.txt"):
        (tmp_path / name).write_text("precious")
    (tmp_path / "link.pt").symlink_to("m.pt")
    ended = cli(command, "m.pt", "--labels", "labels.txt", *asked(*reports))
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[output.same_file]" in ended.err
    assert (tmp_path / "m.pt").read_text() == (tmp_path / "labels.txt").read_text() == "precious"


def test_no_report_hits_the_other_outputs(cli, pipeline, tmp_path):
    (tmp_path / "pairs.csv").write_text("precious")
    for arguments in (
        ("scan", "m.pt", "-o", "x", *asked("sarif=x")),
        ("scan", "m.pt", "--html", "x", *asked("sarif=x")),
        ("audit", "m.pt", "-o", "x", *asked("sarif=x")),
        ("audit", "m.pt", "--eval", "pairs.csv", *asked("sarif=pairs.csv")),
    ):
        ended = cli(*arguments)
        assert (ended.code, pipeline.requests) == (2, []), arguments
        assert "[output.same_file]" in ended.err


@pytest.mark.parametrize("report", ["sarif", "pdf=x", "sarif=", "sarif=-", "=x", ""])
def test_what_is_no_report_is_refused(cli, pipeline, report):
    ended = cli("scan", "m.pt", "--report", report)
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[usage.command_line]" in ended.err


def test_a_place_that_cannot_be_written_is_found_before_the_work(cli, pipeline):
    ended = cli("audit", "m.pt", *asked("sarif=nowhere/a.sarif"))
    assert (ended.code, pipeline.requests) == (2, [])
    assert "[output.no_folder]" in ended.err


def test_the_environment_names_reports_too(cli, pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPGUARD_SCAN_REPORT", "sarif=a.sarif junit=a.xml")
    cli("scan", "m.pt")
    assert (tmp_path / "a.sarif").exists()
    assert (tmp_path / "a.xml").exists()


def test_the_settings_file_names_reports_beside_itself(cli, pipeline, tmp_path, monkeypatch):
    (tmp_path / "clipguard.toml").write_text('report = ["sarif=a.sarif", "junit=a.xml"]\n')
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    for command in ("scan", "audit"):
        assert cli(command, "m.pt").code == 0
        for name in ("a.sarif", "a.xml"):
            (tmp_path / name).unlink()
    assert cli("scan", "m.pt", "--report", "text=b.txt").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"clipguard.toml", "deeper"}
    assert Path("b.txt").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("report = 'sarif=a'\n", "give list of FMT=PATH"),
        ("report = ['pdf=a']\n", "is not FMT=PATH"),
        ("report = ['sarif']\n", "is not FMT=PATH"),
        ("report = ['sarif=-']\n", "is not FMT=PATH"),
        ("report = ['sarif=nowhere/a']\n", "[output.no_folder]"),
        ("report = ['sarif=m.pt']\n", "[output.same_file]"),
        ("[drill]\nreport = ['sarif=a']\n", "unknown setting drill.report"),
    ],
)
def test_reports_of_the_settings_file_that_make_no_sense(cli, pipeline, tmp_path, text, told):
    (tmp_path / "m.pt").write_text("precious")
    (tmp_path / "clipguard.toml").write_text(text)
    ended = cli("scan", "m.pt")
    assert (ended.code, pipeline.requests) == (2, [])
    assert told in ended.err
    assert (tmp_path / "m.pt").read_text() == "precious"


def test_a_runner_of_github_is_told(cli, pipeline, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pipeline.error = InputError("file.truncated", "ends\n::add-mask::early", where="100%")
    for flags in ((), ("-q",)):
        ended = cli(*flags, "scan", "m.pt")
        (line,) = [line for line in ended.err.splitlines() if line.startswith("::error")]
        assert line.startswith("::error title=clipguard file.truncated::m.pt: ends")
        assert "::" not in ended.out.splitlines()[0]
    assert not any(line.startswith("::add-mask") for line in ended.err.splitlines())


def test_nobody_else_is(cli, pipeline):
    pipeline.error = BROKEN
    assert "::error" not in cli("scan", "m.pt").err


def test_no_name_commands_a_runner(cli, pipeline, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    name = "##[add-mask]x"
    (tmp_path / name).write_text("x")
    ended = cli("scan", name, "--labels", "::stop-commands::x")
    assert "##[" not in ended.err
    assert not any(line.lstrip().startswith("::stop") for line in ended.err.splitlines())
    assert Path(name).exists()
