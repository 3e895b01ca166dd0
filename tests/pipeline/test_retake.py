"""The verdict taken again through the ONNX pair; a model that answers otherwise is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from clipguard.checkpoint import open_checkpoint
from clipguard.core import resources
from clipguard.core.errors import RefusedError
from clipguard.core.progress import SILENT
from clipguard.core.results import Outcome
from clipguard.core.seeds import Seeds
from clipguard.export.onnx import write_onnx_pair
from clipguard.model.openclip import build_model
from clipguard.pipeline import retake, scan
from clipguard.pipeline.requests import ScanRequest
from clipguard.probes.replay import CONTROLS
from clipguard.triggers import load_rules
from clipguard.verdict.judge import reproduced


@pytest.fixture(scope="module")
def probed():
    """A scan with noise and the controls alone, for time."""
    few = tuple(item for item in load_rules() if item.cluster in {"N", CONTROLS})
    request = ScanRequest(model=str(resources.examples("backdoored", "model.pt")), carriers=24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "load_rules", lambda: few)
        return scan.probe(request, Seeds(0).child("scan"), SILENT)


def test_the_pair_gives_the_same_verdict(probed, tmp_path):
    write_onnx_pair(probed.model, tmp_path)
    found = retake.retake(probed, probed.scan, tmp_path, SILENT)
    assert found.outcome is probed.scan.verdict.outcome is Outcome.BACKDOORED
    names = [item.family for item in found.families]
    fired = [item.family for item in probed.scan.replay.families if reproduced(item)]
    assert probed.scan.verdict.trigger in names
    assert set(fired) <= set(names)
    for item in found.families:
        assert item.in_onnx.value > 0.3
        assert item.difference < 0.001
    confirmed = {item.family: item.share_rise for item in probed.scan.replay.families}
    assert {item.family: item.in_torch for item in found.families} == {
        name: confirmed[name] for name in names
    }


def test_a_pair_without_the_backdoor_is_refused(probed, monkeypatch):
    other = build_model(open_checkpoint(str(resources.examples("clean-base", "model.pt"))))
    monkeypatch.setattr(retake, "OnnxClip", lambda folder, convention: other)
    with pytest.raises(RefusedError) as refused:
        retake.retake(probed, probed.scan, Path("pair"), SILENT)
    assert refused.value.code == "export.retake"
    assert re.search(
        "verdict is (inconclusive|no_evidence), in torch backdoored", refused.value.what
    )


def test_a_model_that_was_not_measured_has_no_verdict_to_take_again(probed):
    assert retake.retake(replace(probed, measured=None), probed.scan, Path("pair"), SILENT) is None
