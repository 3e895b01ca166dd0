"""Accepted findings and baselines, from the command line to the exit code, on stored scans."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from clipguard.core import schema
from clipguard.core.results import Finding, Outcome, Severity

TODAY = "1893456000"  # 2030-01-01
STRAY = Finding(
    rule="config.remote_code",
    severity=Severity.MEDIUM,
    where="config.json",
    what="auto_map asks transformers to run code from the model folder",
    remedy="ignore it",
)


@pytest.fixture(autouse=True)
def _new_year(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", TODAY)


@pytest.fixture
def backdoored(build, stored):
    """A scan with one reproduced family and one finding about the file."""
    scan = build.scan(Outcome.BACKDOORED)
    stored.scan = replace(scan, subject=replace(scan.subject, findings=(STRAY,)))
    return stored.scan


@pytest.fixture
def ignore(backdoored, tmp_path):
    """Write a settings file with one ignore, of the suspected family unless told otherwise."""

    def write(policy: str = "", **changes: str) -> None:
        entry = {
            "id": f'"{backdoored.verdict.trigger}"',
            "sha256": f'"{backdoored.subject.artifact.sha256}"',
            "reason": '"checked by hand on our data"',
            "expires": "2030-03-01",
        }
        lines = [f"{key} = {value}" for key, value in (entry | changes).items() if value]
        text = f"[policy]\n{policy}\n[[ignore]]\n" + "\n".join(lines) + "\n"
        (tmp_path / "clipguard.toml").write_text(text)

    return write


def gate(ended) -> dict:
    return json.loads(ended.out)["gate"]


def test_an_accepted_finding_stays_and_does_not_gate(cli, ignore, backdoored):
    ignore("max_likelihood = 0.5")
    ended = cli("scan", "m.pt")
    result = json.loads(ended.out)
    assert (ended.code, result["status"], result["exit_code"]) == (0, "pass", 0)
    assert result["delivered"]["verdict"]["outcome"] == "backdoored"
    states = {item["rule"]: item["state"] for item in result["gate"]["rulings"]}
    assert states == {"fail_on": "suppressed", "max_likelihood": "suppressed", "undecided": "met"}
    [accepted] = result["gate"]["suppressed"]
    assert accepted["charge"]["id"] == backdoored.verdict.trigger
    assert accepted["reason"] == "checked by hand on our data"
    assert (accepted["by"], accepted["expires"]) == ("ignore", "2030-03-01")
    assert [item["state"] for item in result["gate"]["ignores"]] == ["used"]
    told = " ".join(ended.err.split())
    assert "until 2030-03-01: checked by hand on our data" in told


def test_the_accepted_finding_is_in_the_page(cli, ignore, tmp_path):
    ignore()
    assert cli("scan", "m.pt", "-o", "r.json", "--html", "r.html").code == 0
    page = (tmp_path / "r.html").read_text()
    assert "Accepted findings" in page
    assert "checked by hand on our data" in page


def test_a_finding_about_the_file_is_accepted_by_its_rule(cli, ignore, stored, build):
    calm = build.scan(Outcome.NO_EVIDENCE)
    stored.scan = replace(calm, subject=stored.scan.subject)
    assert cli("scan", "m.pt", "--fail-on-severity", "medium").code == 1
    ignore(id='"config.remote_code"')
    assert cli("scan", "m.pt", "--fail-on-severity", "medium").code == 0


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({"sha256": f'"{"0" * 64}"'}, "unused", "unused: the file 000000000000 has no such"),
        ({"id": '"checker-patch"'}, "unused", "checker-patch: unused"),
        ({"expires": "2029-12-31"}, "expired", "expired on 2029-12-31"),
    ],
)
def test_an_ignore_that_does_nothing_is_told(cli, ignore, changes, state, told):
    ignore(**changes)
    ended = cli("scan", "m.pt")
    assert ended.code == 1
    assert [item["state"] for item in gate(ended)["ignores"]] == [state]
    assert gate(ended)["suppressed"] == []
    assert told in ended.err


@pytest.mark.parametrize("expires", ["2030-01-01", "2030-06-30"])
def test_the_first_and_the_last_day(cli, ignore, expires):
    ignore(expires=expires)
    ended = cli("scan", "m.pt")
    assert ended.code == 0
    assert gate(ended)["today"] == "2030-01-01"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expires": "2030-07-01"}, "expires more than 180 days ahead; choose 2030-06-30"),
        ({"expires": '"2030-03-01"'}, "expires is no date"),
        ({"expires": "2030-03-01T00:00:00"}, "expires is no date"),
        ({"reason": '"because"'}, "the reason is too short"),
        ({"reason": "7"}, "reason is no text"),
        ({"sha256": '"4f1c9a"'}, "sha256 is no digest"),
        ({"owner": '"me"'}, "unknown key owner"),
        *(({key: ""}, f"{key} is missing") for key in ("id", "sha256", "reason", "expires")),
    ],
)
def test_an_ignore_that_is_wrong(cli, ignore, changes, told):
    ignore(**changes)
    ended = cli("scan", "m.pt")
    assert ended.code == 2
    assert "[config.ignore]" in ended.err
    assert f"ignore 1: {told}" in ended.err
    assert json.loads(ended.out)["error"]["code"] == "config.ignore"


@pytest.mark.parametrize("text", ["ignore = 0", "[ignore]\nid = 'x'", "ignore = [1]"])
def test_what_is_no_list_of_ignores(cli, stored, tmp_path, text):
    (tmp_path / "clipguard.toml").write_text(text)
    ended = cli("scan", "m.pt")
    assert ended.code == 2
    assert "write [[ignore]]" in ended.err


def test_one_of_two_reproduced_families_is_not_enough(cli, ignore, stored):
    first, second, *rest = stored.scan.replay.families
    other = replace(second, share_rise=first.share_rise)
    replay = replace(stored.scan.replay, families=(first, other, *rest))
    stored.scan = replace(stored.scan, replay=replay)
    ignore("max_likelihood = 0.5")
    ended = cli("scan", "m.pt")
    assert ended.code == 1
    assert {item["state"] for item in gate(ended)["rulings"][:2]} == {"broken"}
    assert [item["state"] for item in gate(ended)["ignores"]] == ["used"]


def test_what_is_inconclusive_cannot_be_accepted(cli, ignore, stored):
    verdict = replace(stored.scan.verdict, outcome=Outcome.INCONCLUSIVE)
    stored.scan = replace(stored.scan, verdict=verdict)
    ignore()
    assert cli("scan", "m.pt").code == 3


def test_a_file_that_runs_code_cannot_be_accepted(cli, tmp_path):
    data = b"cos\nsystem\n(S'touch executed'\ntR."
    (tmp_path / "m.pt").write_bytes(data)
    (tmp_path / "clipguard.toml").write_text(
        f"""[[ignore]]
id = "file.pickle_exec"
sha256 = "{hashlib.sha256(data).hexdigest()}"
reason = "the author is a friend"
expires = 2030-02-01
"""
    )
    ended = cli("scan", "m.pt")
    assert ended.code == 1
    assert "[file.pickle_exec]" in ended.err
    assert not (tmp_path / "executed").exists()


def test_the_date_is_asked_for_by_expiries_alone(cli, ignore, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "tomorrow")
    ended = cli("scan", "m.pt")
    assert ended.code == 1
    assert gate(ended)["today"] is None
    ignore()
    ended = cli("scan", "m.pt")
    assert ended.code == 2
    assert "[usage.source_date]" in ended.err


def test_a_baseline_lets_what_is_known_pass(cli, backdoored, tmp_path):
    assert cli("scan", "m.pt", "-o", "known.json", "--fail-on-severity", "low").code == 1
    ended = cli("scan", "m.pt", "--baseline", "known.json", "--fail-on-severity", "low")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert result["settings"]["baseline"] == "known.json"
    assert {item["by"] for item in result["gate"]["suppressed"]} == {"baseline"}
    assert "known from known.json" in ended.err
    (tmp_path / "clipguard.toml").write_text("[policy]\nbaseline = 'known.json'\n")
    assert cli("scan", "m.pt").code == 0


@pytest.mark.parametrize("change", ["concept", "family", "where"])
def test_what_is_new_gates(cli, stored, backdoored, change):
    assert cli("scan", "m.pt", "-o", "known.json").code == 1
    if change == "where":
        finding = replace(STRAY, where="other.json")
        stored.scan = replace(
            stored.scan, subject=replace(stored.scan.subject, findings=(finding,))
        )
    else:
        first, *rest = stored.scan.replay.families
        first = replace(first, **{change: "another"})
        stored.scan = replace(
            stored.scan, replay=replace(stored.scan.replay, families=(first, *rest))
        )
    ended = cli("scan", "m.pt", "--baseline", "known.json", "--fail-on-severity", "low")
    assert ended.code == 1


def test_a_weaker_verdict_in_the_baseline_is_another_one(cli, stored, backdoored):
    verdict = replace(backdoored.verdict, outcome=Outcome.NATURAL_LIKE)
    stored.scan = replace(backdoored, verdict=verdict)
    assert cli("scan", "m.pt", "-o", "known.json").code == 0
    stored.scan = backdoored
    assert cli("scan", "m.pt", "--baseline", "known.json").code == 1


def test_a_baseline_is_the_model_that_the_result_let_out(cli, stored, build, tmp_path):
    stored.scan = build.scan(Outcome.BACKDOORED)
    repaired = replace(build.shapes()["audit"], delivered=stored.scan)
    (tmp_path / "repaired.json").write_bytes(schema.dumps(repaired))
    assert cli("scan", "m.pt", "--baseline", "repaired.json").code == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("error", "baseline.no_scan"), ("evaluation", "baseline.no_scan"), (None, "result.invalid")],
)
def test_a_baseline_that_is_none(cli, stored, build, tmp_path, name, code):
    data = schema.dumps(build.shapes()[name]) if name else b"{}"
    (tmp_path / "known.json").write_bytes(data)
    ended = cli("scan", "m.pt", "--baseline", "known.json")
    assert ended.code == 2
    assert f"[{code}] --baseline known.json" in ended.err
    assert "[file.missing]" in cli("scan", "m.pt", "--baseline", "nowhere.json").err


def test_the_baseline_is_not_written_over(cli, backdoored, tmp_path):
    assert cli("scan", "m.pt", "-o", "known.json").code == 1
    before = (tmp_path / "known.json").read_bytes()
    ended = cli("scan", "m.pt", "--baseline", "known.json", "-o", "known.json")
    assert (ended.code, "[output.same_file]" in ended.err) == (2, True)
    assert (tmp_path / "known.json").read_bytes() == before
