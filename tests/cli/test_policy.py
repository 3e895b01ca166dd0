"""Every rule of the policy, from the command line to the exit code, on stored scans."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clipguard.core.results import CheckState, Finding, Outcome, Severity
from clipguard.triggers import load_rules
from clipguard.verdict.policy import RULES

FAMILIES = sum(rule.cluster != "X" for rule in load_rules())
MEASURED = 43 / FAMILIES  # of the 44 families of the stored scan one was not measured
STRAY = Finding(
    rule="file.unreferenced_member",
    severity=Severity.MEDIUM,
    where="archive/extra",
    what="archive member archive/extra belongs to no tensor",
    remedy="ask",
)


@pytest.fixture
def scans(build):
    """Stored scans by name."""
    calm = build.scan(Outcome.NO_EVIDENCE)  # likelihood 0.0069, 96 carriers
    return {
        **{outcome.value: build.scan(outcome) for outcome in Outcome},
        "stray": replace(calm, subject=replace(calm.subject, findings=(STRAY,))),
        "unprobed": replace(calm, replay=None),
    }


CASES = [
    ("no_evidence", {}, 0, None),
    ("natural_like", {}, 0, None),
    ("backdoored", {}, 1, "fail_on"),
    ("natural_like", {"fail_on": ["natural_like"]}, 1, "fail_on"),
    ("inconclusive", {"fail_on": ["inconclusive"]}, 1, "fail_on"),
    ("no_evidence", {"max_likelihood": 0.006}, 1, "max_likelihood"),
    ("no_evidence", {"max_likelihood": 0.007}, 0, None),
    ("stray", {}, 0, None),
    ("stray", {"fail_on_severity": "high"}, 0, None),
    ("stray", {"fail_on_severity": "medium"}, 1, "fail_on_severity"),
    ("stray", {"fail_on_severity": "low"}, 1, "fail_on_severity"),
    ("inconclusive", {}, 3, "undecided"),
    ("inconclusive", {"max_likelihood": 0.0}, 3, "undecided"),
    ("no_evidence", {"min_coverage": MEASURED - 0.001}, 0, None),
    ("no_evidence", {"min_coverage": MEASURED + 0.001}, 3, "min_coverage"),
    ("unprobed", {"min_coverage": 0.001}, 3, "min_coverage"),
    ("no_evidence", {"min_carriers": 96}, 0, None),
    ("no_evidence", {"min_carriers": 97}, 3, "min_carriers"),
    ("unprobed", {"min_carriers": 1}, 3, "min_carriers"),
    ("no_evidence", {"require_check": ["image_text_agreement"]}, 0, None),
    ("no_evidence", {"require_check": ["readable_words"]}, 3, "require_check"),  # weak
    ("no_evidence", {"require_check": ["deterministic"]}, 3, "require_check"),  # not made
]


def options(policy: dict) -> list[str]:
    """The policy as options."""
    given = []
    for key, value in policy.items():
        for one in value if isinstance(value, list) else [value]:
            given += [f"--{key.replace('_', '-')}", str(one)]
    return given


def tables(policy: dict, name: str) -> str:
    """The policy as TOML."""
    return f"[{name}]\n" + "".join(f"{key} = {json.dumps(item)}\n" for key, item in policy.items())


@pytest.mark.parametrize("place", ["options", "clipguard.toml", "pyproject.toml"])
@pytest.mark.parametrize(("name", "policy", "code", "broken"), CASES)
def test_a_rule_and_its_exit_code(cli, stored, scans, tmp_path, name, policy, code, broken, place):
    stored.scan = scans[name]
    if place != "options":
        table = "policy" if place == "clipguard.toml" else "tool.clipguard.policy"
        (tmp_path / place).write_text(tables(policy, table))
    ended = cli("scan", "m.pt", *(options(policy) if place == "options" else []))
    result = json.loads(ended.out)
    assert (ended.code, result["exit_code"], result["gate"]["exit_code"]) == (code, code, code)
    states = {item["rule"]: item["state"] for item in result["gate"]["rulings"]}
    held = [rule for rule, state in states.items() if state == "broken"]
    assert held[:1] == ([broken] if broken else [])
    origin = "command line" if place == "options" else place
    assert all(result["origins"][key] == origin for key in policy)


def test_every_rule_is_among_the_cases():
    assert {broken for *_, broken in CASES if broken} == {rule.id for rule in RULES}


def test_a_finding_outweighs_what_is_inconclusive(cli, stored, scans):
    stored.scan = scans["no_evidence"]
    ended = cli("scan", "m.pt", "--max-likelihood", "0", "--min-carriers", "1000")
    assert ended.code == 1
    assert "max_likelihood broken: found 0.0069" in ended.err
    assert "min_carriers broken: found 96, limit 1" in ended.err


def test_options_win_over_the_file(cli, stored, scans, tmp_path):
    stored.scan = scans["no_evidence"]
    (tmp_path / "clipguard.toml").write_text("[policy]\nmin_carriers = 1000\n")
    assert cli("scan", "m.pt").code == 3
    assert cli("scan", "m.pt", "--min-carriers", "24").code == 0


def test_exit_zero_keeps_status_and_rulings(cli, stored, scans):
    stored.scan = scans["backdoored"]
    ended = cli("scan", "m.pt", "--exit-zero")
    result = json.loads(ended.out)
    assert (ended.code, result["exit_code"], result["status"]) == (0, 0, "fail")
    assert result["gate"]["exit_code"] == 1


def test_a_passed_check_that_is_required_passes(cli, stored, scans):
    checks = (replace(scans["no_evidence"].checks[2], state=CheckState.PASSED),)
    stored.scan = replace(scans["no_evidence"], checks=checks)
    assert cli("scan", "m.pt", "--require-check", "readable_words").code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[policy]\nmax_likelyhood = 0.5\n", "the nearest name is max_likelihood"),
        ("fail_on = ['backdoored']\n", "write it in [policy]"),
        ("[scan]\nmin_carriers = 3\n", "write it in [policy]"),
        ("[policy]\nmin_carriers = 'many'\n", "policy.min_carriers has the wrong type"),
        ("policy = 3\n", "policy has the wrong type"),
        ("[policy]\nmax_likelihood = 1.5\n", "1.5 is not in the range"),
        ("[policy]\nmax_likelihood = nan\n", "not finite"),
        ("[policy]\nfail_on_severity = 'awful'\n", "'awful' is not one of"),
        ("[policy]\nrequire_check = ['readable_word']\n", "the nearest name is readable_words"),
    ],
)
def test_a_policy_that_makes_no_sense(cli, stored, tmp_path, text, told):
    (tmp_path / "clipguard.toml").write_text(text)
    ended = cli("scan", "m.pt")
    assert ended.code == 2
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
