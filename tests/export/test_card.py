"""The model card and the record beside repaired weights."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from clipguard.core.text import printable
from clipguard.export.card import render_card, write_record


def _builders() -> ModuleType:
    path = Path(__file__).parents[1] / "report" / "builders.py"
    spec = importlib.util.spec_from_file_location("card_builders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BUILDERS = _builders()
SHAPES = BUILDERS.shapes()


def front_matter(card: str) -> str:
    start, front, _ = card.split("---\n", 2)
    assert start == ""
    return front


def test_the_card_says_where_the_model_comes_from_and_what_it_is_worth():
    card = render_card(SHAPES["audit"])
    front = front_matter(card)
    assert 'base_model: "model.pt"' in front
    assert 'library_name: "open_clip"' in front
    assert '- type: "acc1"\n      value: 0.8\n' in front
    assert "target_recall" not in front  # it could not be measured
    assert SHAPES["audit"].delivered.subject.artifact.sha256 in card
    assert "| acc1 | held-out pairs | 0.810" in card
    assert "does not prove" in card
    assert "Do not use it" not in card
    assert card == render_card(SHAPES["audit"])


def test_a_rejected_repair_says_so():
    assert "**Do not use it:** the rescan still finds the trigger." in render_card(
        SHAPES["not_cleaned"]
    )


def test_without_figures_no_results_are_promised():
    shape = SHAPES["audit"]
    bare = replace(shape, cleaning=replace(shape.cleaning, proof=None))
    assert "model-index" in yaml.safe_load(front_matter(render_card(shape)))
    assert "model-index" not in yaml.safe_load(front_matter(render_card(bare)))


@pytest.mark.parametrize("name", [*BUILDERS.HOSTILE, "key: [", "- x", "---", "n" * 2**20])
def test_hostile_names_break_neither_front_matter_nor_text(name):
    shape = SHAPES["audit"]
    artifact = replace(shape.delivered.subject.artifact, name=name)
    subject = replace(shape.delivered.subject, artifact=artifact)
    hostile = render_card(replace(shape, delivered=replace(shape.delivered, subject=subject)))
    usual = render_card(shape)
    assert len(hostile.splitlines()) == len(usual.splitlines())
    (line,) = (line for line in front_matter(hostile).split("\n") if line.startswith("base_model:"))
    assert isinstance(json.loads(line.partition(": ")[2]), str)
    told = yaml.safe_load(front_matter(hostile))
    assert told.keys() == yaml.safe_load(front_matter(usual)).keys()
    assert told["base_model"] == printable(name)
    assert not set(hostile) & set("\x00\x1b\u202e\u2028\r")
    assert len(hostile) < 20_000
    assert "<script" not in hostile.split("---\n", 2)[2]


def test_the_record_holds_settings_digests_curves_and_the_parent(tmp_path):
    shape = SHAPES["audit"]
    for name in "ab":
        (tmp_path / name).mkdir()
        write_record(shape, tmp_path / name)
    data = (tmp_path / "a" / "cleaning.json").read_bytes()
    assert data == (tmp_path / "b" / "cleaning.json").read_bytes()
    record = json.loads(data)
    assert record["parent"]["sha256"] == shape.delivered.subject.artifact.sha256
    assert record["cleaning"]["settings"]["learning_rate"] == 3e-5
    assert len(record["cleaning"]["steps"]) == len(shape.cleaning.steps)
    assert record["cleaning"]["proof"]["digests"] == {"held-out pairs": "ab" * 32}


def test_what_was_not_cleaned_has_no_card(tmp_path):
    with pytest.raises(ValueError, match="nothing was cleaned"):
        render_card(SHAPES["no_evidence"])
    with pytest.raises(ValueError, match="nothing was cleaned"):
        write_record(SHAPES["no_evidence"], tmp_path)
