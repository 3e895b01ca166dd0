"""The verdict taken again through the ONNX pair; a model that answers otherwise is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipguard.checkpoint import open_checkpoint
from clipguard.core import resources
from clipguard.core.errors import RefusedError
from clipguard.core.progress import SILENT
from clipguard.core.results import Outcome
from clipguard.core.seeds import Seeds
from clipguard.model.openclip import build_model
from clipguard.pipeline import retake
from clipguard.pipeline.requests import ScanRequest
from clipguard.pipeline.scan import probe


@pytest.fixture(scope="module")
def probed():
    request = ScanRequest(model=str(resources.examples("backdoored", "model.pt")), carriers=24)
    return probe(request, Seeds(0).child("scan"), SILENT)


def test_the_same_weights_give_the_same_verdict(probed, monkeypatch):
    monkeypatch.setattr(retake, "OnnxClip", lambda folder: probed.model)
    found = retake.retake(probed, probed.scan, Path("pair"), SILENT)
    names = [item.family for item in found]
    assert probed.scan.verdict.trigger in names
    assert len(names) == len(set(names)) <= 2
    for item in found:
        assert item.outcome is probed.scan.verdict.outcome is Outcome.BACKDOORED
        assert item.in_torch == item.in_onnx
        assert item.in_torch.value > 0.5
        assert item.difference == 0


def test_a_pair_without_the_backdoor_is_refused(probed, monkeypatch):
    other = build_model(open_checkpoint(str(resources.examples("clean-base", "model.pt"))))
    monkeypatch.setattr(retake, "OnnxClip", lambda folder: other)
    with pytest.raises(RefusedError, match=r"export\.retake\].*no_evidence.*backdoored"):
        retake.retake(probed, probed.scan, Path("pair"), SILENT)
