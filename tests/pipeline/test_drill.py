"""The order of a drill, its budget and its resuming, with copies that are made up."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jsonschema
import pytest

from clipguard.core import resources, schema
from clipguard.core.drill import Heard, Planting
from clipguard.core.errors import InputError, RefusedError, UsageError
from clipguard.core.measurement import Measurement, StatedAttack
from clipguard.core.progress import SILENT
from clipguard.core.results import Outcome
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter
from clipguard.pipeline import drill as pipeline
from clipguard.pipeline.copies import Field, Post
from clipguard.pipeline.drill import drill, schedule
from clipguard.pipeline.load import Loaded, load
from clipguard.pipeline.requests import DrillRequest

MODEL = str(resources.examples("clean-base", "model.pt"))
TRIGGERS = ("white-square", "noise-blend-fixed", "warp-jitter")
NAMES = ["white-square-1", "control-1", "noise-blend-fixed-1", "warp-jitter-1"]


def builders() -> ModuleType:
    path = Path(__file__).parents[1] / "report" / "builders.py"
    spec = importlib.util.spec_from_file_location("drill_builders", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCAN = builders().scan
SETTINGS = pipeline.settings()


class Stage:
    """Makes copies up: the backdoor of the first is found, of the second not, the third fails."""

    def __init__(self) -> None:
        self.now, self.made, self.steps = 0.0, [], {}
        self.outcome = Outcome.NO_EVIDENCE

    def planting(self, field: Field, post: Post, steps: int) -> Planting:
        self.now += 10.0
        self.made.append(post.name)
        self.steps[post.name] = steps
        share = Measurement(name="agreement", value=0.9, unit="fraction", n=10)
        if post.family is None:
            return Planting(
                name=post.name, attack=None, planted=False, steps=steps, agreement=share,
                heard=heard(Outcome.NO_EVIDENCE),
            )  # fmt: skip
        works = post.family.id != "warp-jitter"
        found = post.family.id == "white-square"
        return Planting(
            name=post.name,
            attack=StatedAttack(
                trigger=post.family.id, title=post.family.title, variant=post.variant.id,
                target="Banana", measurements=(),
            ),
            planted=works, steps=40, agreement=share,
            heard=heard(Outcome.BACKDOORED if found else Outcome.NO_EVIDENCE) if works else None,
        )  # fmt: skip

    def probe(self, request, model, subject, checks, seeds, meter, progress):
        self.now += 10.0
        self.made.append("delivered")
        return SimpleNamespace(scan=SCAN(self.outcome))


def heard(outcome: Outcome) -> Heard:
    concept = "banana" if outcome is Outcome.BACKDOORED else None
    return Heard(outcome=outcome, likelihood=0.5, trigger=None, concept=concept)


@cache
def loaded(path: str, arch: str | None) -> Loaded:
    return load(path, arch, device="cpu", seeds=Seeds(0), meter=Meter(), progress=SILENT)


@pytest.fixture
def stage(monkeypatch):
    made = Stage()
    monkeypatch.setattr(pipeline, "load", lambda path, arch, **_: loaded(path, arch))
    monkeypatch.setattr(pipeline, "planting", made.planting)
    monkeypatch.setattr(pipeline, "probe_model", made.probe)
    return made


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("banana\napple\ncar\ncat\ndog\nboat\nship\nhorse\n")
    return path


@pytest.fixture
def request_(tmp_path, labels):
    return DrillRequest(model=MODEL, output=tmp_path / "out", triggers=TRIGGERS, labels=labels)


def run(request: DrillRequest, stage: Stage, **changes: object):
    return drill(replace(request, **changes), clock=lambda: stage.now)


def test_the_order_and_the_counts(request_, stage, tmp_path):
    result = run(request_, stage)
    assert stage.made == ["delivered", *NAMES]
    assert stage.steps["control-1"] == 40
    data = (tmp_path / "out/result.json").read_bytes()
    assert schema.loads(data) == result
    jsonschema.validate(json.loads(data), schema.json_schema())
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert (result.exit_code, result.status, result.complete) == (0, "pass", True)
    power = result.drill.power
    assert (power.tried, power.planted, power.found.value, power.named.value) == (3, 2, 0.5, 1.0)
    assert power.found.interval.method == "wilson"
    families = {item.family: item for item in result.drill.families}
    assert [families[name].planted for name in TRIGGERS] == [1, 1, 0]
    assert families["noise-blend-fixed"].found.value == 0
    assert families["noise-blend-fixed"].named.absent
    assert families["warp-jitter"].found.absent
    assert result.drill.accused_controls.value == 0


def test_a_budget_cuts_between_copies_and_says_what_it_cut(request_, stage, tmp_path):
    result = run(request_, stage, budget=25.0)
    assert stage.made == ["delivered", *NAMES[:2]]
    assert list(result.drill.missed) == NAMES[2:]
    assert (result.exit_code, result.complete) == (0, False)
    assert [item.name for item in result.drill.plantings] == NAMES[:2]
    assert (tmp_path / "out.state").is_dir()
    assert schema.loads((tmp_path / "out/result.json").read_bytes()) == result


def test_in_parts_the_same_bytes_as_at_once(request_, stage, tmp_path):
    run(request_, stage, output=tmp_path / "whole/out")
    at_once = (tmp_path / "whole/out/result.json").read_bytes()
    stage.made.clear()
    for resume in (False, True, True):
        run(request_, stage, budget=15.0, resume=resume)
    assert stage.made == ["delivered", *NAMES]
    assert (tmp_path / "out/result.json").read_bytes() == at_once
    assert not (tmp_path / "out.state").exists()


def test_what_is_finished_is_not_done_again_after_a_failure(request_, stage, monkeypatch):
    def fail(*_: object) -> Planting:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "planting", fail)
        with pytest.raises(KeyboardInterrupt):
            run(request_, stage)
    assert run(request_, stage, resume=True).complete
    assert stage.made == ["delivered", *NAMES]


def test_nothing_is_written_over(request_, stage, tmp_path):
    run(request_, stage, budget=15.0)
    with pytest.raises(UsageError, match=r"clean\.unfinished"):
        run(request_, stage)
    with pytest.raises(UsageError, match=r"clean\.other_run.*carriers"):
        run(request_, stage, resume=True, carriers=48)
    assert run(request_, stage, resume=True).complete
    with pytest.raises(InputError, match=r"output\.exists"):
        run(request_, stage, resume=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "own").touch()
    with pytest.raises(InputError, match=r"output\.exists"):
        run(request_, stage, output=tmp_path / "new", keep=kept)


@pytest.mark.parametrize("outcome", [Outcome.BACKDOORED, Outcome.INCONCLUSIVE])
def test_an_unfit_model_is_refused(request_, stage, tmp_path, outcome):
    stage.outcome = outcome
    with pytest.raises(RefusedError, match=r"drill\.unfit"):
        run(request_, stage)
    assert stage.made == ["delivered"]
    assert not (tmp_path / "out").exists()


def test_every_round_has_a_control_of_its_own():
    triggers = pipeline._triggers(DrillRequest(model="", output=Path("x")), SETTINGS)
    names = [post.name for post in schedule(triggers, 2)]
    assert len(names) == len(set(names)) == 2 * (len(SETTINGS.triggers) + 1)
    assert names[1] == "control-1"
    assert names[len(SETTINGS.triggers) + 2] == "control-2"


def test_listed_strengths_hold_for_named_families_too():
    request = DrillRequest(model="", output=Path("x"), triggers=("white-square", "black-square"))
    found = {family.id: variant.id for family, variant in pipeline._triggers(request, SETTINGS)}
    listed = {item.family: item.variant for item in SETTINGS.triggers}
    assert found == {"white-square": listed["white-square"], "black-square": "corner@0.19"}
