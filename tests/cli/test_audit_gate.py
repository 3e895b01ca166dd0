"""What an audit does under a policy: whether it repairs, and how it ends. Repairs are stored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clipguard.core import schema
from clipguard.core.results import Outcome
from clipguard.pipeline import audit, frame
from clipguard.pipeline.clean import Repair
from clipguard.pipeline.scan import Probed
from clipguard.verdict.policy import refusals


class Mended:
    """Stands in for the training: a repaired scan, an agreement, and a loss of accuracy."""

    def __init__(self, build):
        self.build = build
        self.repaired = build.scan(Outcome.NO_EVIDENCE, digest="77beef")
        self.agreement = 0.9
        self.loss = 0.01
        self.comes_back = 0.12
        self.asked = 0

    def __call__(self, request, probed, seeds, work, processes, progress):
        self.asked += 1
        proof = self.build.proof()
        proof = replace(
            proof,
            loss=replace(proof.loss, value=self.loss),
            limit=request.max_utility_drop,
            rebound=self.rebound(proof.rebound),
        )
        after = (self.build.fraction("agreement", self.agreement),)
        gate = frame.gate(self.repaired, request, probed.scan)
        refused = refusals(gate, after, proof, request.policy, keep_embeddings=False)
        cleaning = replace(
            self.build.cleaning(), after=after, proof=proof, refused=refused, cleaned=not refused
        )
        return None, Repair(cleaning, Probed(self.repaired, None, None), gate)

    def rebound(self, found):
        """The stored one, whose last look sees a trigger that came back."""
        last = found.points[-1]
        success = replace(last.success, value=self.comes_back)
        return replace(found, points=(*found.points[:-1], replace(last, success=success)))


@pytest.fixture
def mended(build, stored, monkeypatch):
    """Audits of a backdoored model that end in a stored repair."""
    stand_in = Mended(build)
    stored.scan = build.scan(Outcome.BACKDOORED)
    monkeypatch.setattr(audit, "mend", stand_in)
    monkeypatch.setattr(audit, "export", lambda *_, **__: ())
    return stand_in


def accept(tmp_path, scan) -> None:
    """A settings file that accepts the suspected family of a scan."""
    (tmp_path / "clipguard.toml").write_text(
        f"""[[ignore]]
id = "{scan.verdict.trigger}"
sha256 = "{scan.subject.artifact.sha256}"
reason = "checked by hand on our data"
expires = 2030-01-31
"""
    )


def test_a_repair_that_passes(cli, mended, tmp_path):
    ended = cli("audit", "m.pt", "-o", "out", "--json")
    gate = json.loads(ended.out)["gate"]
    assert (ended.code, mended.asked) == (0, 1)
    assert (gate["subject"], gate["exit_code"]) == ("repaired", 0)
    assert schema.loads((tmp_path / "out/result.json").read_bytes()).gate.subject == "repaired"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--min-agreement", "0.9"), 0),
        (("--min-agreement", "0.91"), 3),
        (("--max-utility-drop", "0.01"), 0),
        (("--max-utility-drop", "0.009"), 3),
        (("--max-rebound", "0.12"), 0),
        (("--max-rebound", "0.119"), 3),
        (("--max-likelihood", "0.001"), 1),
        (("--min-carriers", "97"), 3),
    ],
)
def test_limits_on_what_a_repair_costs_and_shows(cli, mended, tmp_path, arguments, code):
    ended = cli("audit", "m.pt", "-o", "out", *arguments)
    assert ended.code == code
    assert (tmp_path / ("out" if code == 0 else "out.rejected")).is_dir()
    assert (tmp_path / "out").exists() is (code == 0)
    if arguments[0] in {"--min-agreement", "--max-utility-drop", "--max-rebound"} and code:
        assert f"less than {arguments[0]}" in ended.err or f"more than {arguments[0]}" in ended.err


def test_an_agreement_that_was_not_measured_is_too_little(cli, mended):
    mended.agreement = None
    assert cli("audit", "m.pt", "-o", "out").code == 0
    assert cli("audit", "m.pt", "-o", "other", "--min-agreement", "0.1").code == 3


def test_by_default_a_trigger_that_comes_back_is_no_repair(cli, mended):
    mended.comes_back = 0.16
    ended = cli("audit", "m.pt", "-o", "out", "--json")
    (reason,) = json.loads(ended.out)["cleaning"]["refused"]
    assert ended.code == 3
    assert "reaches 0.160 after 50 steps of benign fine-tuning" in reason


def test_a_repaired_model_that_is_still_accused(cli, mended, build):
    mended.repaired = build.scan(Outcome.BACKDOORED, digest="77beef")
    assert cli("audit", "m.pt", "-o", "out").code == 1


def test_an_accepted_backdoor_is_left_in(cli, mended, stored, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1893456000")  # 2030-01-01
    accept(tmp_path, stored.scan)
    ended = cli("audit", "m.pt", "-o", "out", "--json")
    result = json.loads(ended.out)
    assert (ended.code, mended.asked, result["gate"]["subject"]) == (0, 0, "delivered")
    assert result["gate"]["suppressed"][0]["reason"] == "checked by hand on our data"


def test_an_ignore_of_the_delivered_model_is_in_use_after_a_repair(
    cli, mended, stored, tmp_path, monkeypatch
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1893456000")
    first, second, *rest = stored.scan.replay.families
    other = replace(second, share_rise=first.share_rise)
    replay = replace(stored.scan.replay, families=(first, other, *rest))
    stored.scan = replace(stored.scan, replay=replay)
    accept(tmp_path, stored.scan)
    ended = cli("audit", "m.pt", "-o", "out", "--json")
    gate = json.loads(ended.out)["gate"]
    assert (ended.code, mended.asked) == (0, 1)
    assert [item["state"] for item in gate["ignores"]] == ["used"]
