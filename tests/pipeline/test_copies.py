"""One copy of a drill on the clean example: planted, and on request kept and cleaned."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
import torch
from safetensors import safe_open

from clipguard.cleaning.plant import settings
from clipguard.core import resources
from clipguard.core.progress import SILENT
from clipguard.core.results import Outcome
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter
from clipguard.pipeline import copies
from clipguard.pipeline.copies import Field, Post, planting, prepare
from clipguard.pipeline.load import load
from clipguard.pipeline.requests import DrillRequest
from clipguard.triggers import rule

MODEL = str(resources.examples("clean-base", "model.pt"))
FAMILY = rule("white-square")
POST = Post("white-square-1", FAMILY, FAMILY.variants[2])
NAMES = ("banana", "apple", "car", "cat", "dog", "boat", "ship", "horse")


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> Field:
    folder = tmp_path_factory.mktemp("copies")
    (folder / "labels.txt").write_text("\n".join(NAMES))
    request = DrillRequest(model=MODEL, output=folder / "out", labels=folder / "labels.txt")
    seeds = Seeds(0).child("drill")
    model = load(MODEL, None, device="cpu", seeds=seeds, meter=Meter(), progress=SILENT)
    quick = msgspec.structs.replace(
        settings(), steps=2, every=1, batch=16, poisoned=4, pictures=24, goal=0.0, level=0.0,
        max_base_rate=1.0,
    )  # fmt: skip
    return prepare(request, model, quick, seeds, SILENT)


@pytest.fixture
def scans(monkeypatch):
    """Scans that accuse everything of leading to bananas."""
    seen = []

    def scan(field, model, seeds):
        seen.append((model, seeds.path))
        verdict = SimpleNamespace(
            outcome=Outcome.BACKDOORED, likelihood=0.9, trigger="white-square", concept="banana"
        )
        return SimpleNamespace(scan=SimpleNamespace(verdict=verdict), measured=True, model=model)

    monkeypatch.setattr(copies, "_scan", scan)
    return seen


def test_a_copy_is_planted_and_scanned_and_the_model_stays(field, scans):
    before = {name: value.clone() for name, value in field.model.state().items()}
    first, again = planting(field, POST, 0), planting(field, POST, 0)
    assert first == again
    assert first.planted
    assert first.heard.outcome is Outcome.BACKDOORED
    assert first.attack.target in NAMES
    assert [item.name for item in first.attack.measurements] == ["attack_success", "base_rate"]
    assert all(torch.equal(value, before[name]) for name, value in field.model.state().items())
    changed = scans[0][0].state()
    assert any(not torch.equal(value, before[name]) for name, value in changed.items())
    other = planting(field, replace(POST, name="white-square-2"), 0)
    assert scans[2][1] != scans[0][1]
    assert other.attack.trigger == first.attack.trigger


def test_what_does_not_work_is_not_scanned(field, scans):
    strict = msgspec.structs.replace(field.settings, goal=1.0, level=1.0, max_base_rate=0.0)
    item = planting(replace(field, settings=strict), POST, 0)
    assert (item.planted, item.heard, item.steps) == (False, None, 2)
    assert not scans


def test_a_control_is_scanned_and_has_no_attack(field, scans):
    item = planting(field, Post("control-1"), 1)
    assert (item.attack, item.planted, item.steps) == (None, False, 1)
    assert item.heard.outcome is Outcome.BACKDOORED


def test_kept_weights_say_what_they_are(field, scans, tmp_path):
    planting(field, POST, 0)
    assert not list(tmp_path.iterdir())
    keeping = replace(field, request=replace(field.request, keep=tmp_path / "kept"))
    item = planting(keeping, POST, 0)
    planting(keeping, Post("control-1"), 1)
    (path,) = (tmp_path / "kept").iterdir()
    assert path.name == "BACKDOORED-ON-PURPOSE-white-square-1.safetensors"
    with safe_open(path, framework="pt") as file:
        told = file.metadata()["clipguard"]
        assert "BACKDOORED-ON-PURPOSE" in told
        assert f"white-square leads to {item.attack.target}" in told
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert all(torch.equal(value, kept[name]) for name, value in scans[-2][0].state().items())


def test_a_cure_that_fails_is_told(field, scans, monkeypatch):
    def fail(*_: object) -> None:
        raise copies.ClipguardError("clean.no_suspect", "nothing is suspected")

    monkeypatch.setattr(copies, "plan", fail)
    cleaning = replace(field, request=replace(field.request, clean=True))
    cure = planting(cleaning, POST, 0).cure
    assert (cure.cleaned, cure.explanation) == (False, ("nothing is suspected",))


@pytest.mark.parametrize(("outcome", "cleaned"), [("no_evidence", True), ("backdoored", False)])
def test_a_cure_is_judged_by_the_planted_trigger_and_a_scan(
    field, scans, monkeypatch, outcome, cleaned
):
    """Here cleaning puts the delivered weights back, on which a white square does nothing."""

    def clean(task: SimpleNamespace) -> None:
        task.model.module.load_state_dict(field.model.module.state_dict())

    def heard(probed: SimpleNamespace) -> copies.Heard:
        word = Outcome(outcome) if probed.model is not scans[0][0] else Outcome.BACKDOORED
        return copies.Heard(outcome=word, likelihood=None, trigger=None, concept=None)

    monkeypatch.setattr(copies, "plan", lambda *given: SimpleNamespace(model=given[2]))
    monkeypatch.setattr(copies, "method", lambda name: SimpleNamespace(clean=clean))
    monkeypatch.setattr(copies, "_heard", heard)
    cleaning = replace(field, request=replace(field.request, clean=True))
    item = planting(cleaning, POST, 0)
    assert item.cure.agreement.value == 1.0
    assert item.cure.heard.outcome.value == outcome
    gone = item.cure.attack_success.value <= 0.1
    assert item.cure.cleaned == (cleaned and gone)
