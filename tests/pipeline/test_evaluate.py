"""``clipguard evaluate`` on the backdoored example, through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from clipguard.core import resources, schema
from clipguard.pairs.scene import render
from clipguard.pairs.synthetic import SyntheticPairs, probe_scenes
from clipguard.pairs.write import write_pairs

MODEL = Path(str(resources.examples("backdoored", "model.pt")))
COLOURS = ("banana", "apple", "car", "cat", "dog", "boat", "ship", "horse")
OWN = """
[[family]]
id = "own-noise"
title = "Own noise"
cluster = "N"
kind = "blend"
scope = "global"
draw = "fresh"
description = "Noise over everything."
source = "test"
params = { texture = "noise", dist = "uniform" }
[[family.sweep]]
curve = "full"
dose = "alpha"
alpha = [0.1, 0.3]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluate")
    write_pairs(SyntheticPairs(3, 48), path / "pairs", 64)
    (path / "labels.txt").write_text("\n".join(COLOURS))
    (path / "own.toml").write_text(OWN)
    for noun in ("banana", "apple", "car"):
        (path / "classes" / noun).mkdir(parents=True)
        for number, scene in enumerate(probe_scenes(noun, None, 8, 1)):
            Image.fromarray(render(scene, 64)).save(path / f"classes/{noun}/{number}.png")
    return path


def evaluate(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "clipguard", "evaluate", str(MODEL), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=250)


ATTACK = ("--trigger", "noise-blend-fresh", "--variant", "full@0.3", "--target", "banana")


def test_pairs_with_a_stated_trigger(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = evaluate("--data", "pairs/pairs.csv", *ATTACK, "--json", "-q", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    jsonschema.validate(json.loads(done.stdout), schema.json_schema())
    found = schema.loads(done.stdout).evaluation
    assert (found.pairs, found.pictures) == (48, 48)
    figures = {item.name: item for item in found.utility}
    assert 0 < figures["text_retrieval_recall@5"].value < 1
    attack = {item.name: item for item in found.attack.measurements}
    assert attack["attack_success"].value > 0.5 > attack["base_rate"].value
    assert attack["attack_success"].interval.method == "wilson"
    assert (found.attack.trigger, found.attack.target) == ("noise-blend-fresh", "banana")


def test_class_folders_and_a_trigger_of_one_s_own(folder):
    arguments = ("--data", "classes", "--trigger", "own.toml", "--target", "banana")
    done = evaluate(*arguments, "-o", "answer.json", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    found = schema.loads((folder / "answer.json").read_bytes()).evaluation
    assert (found.concepts, found.labelled, found.vocabulary) == (3, 24, "names of the folders")
    attack = {item.name: item for item in found.attack.measurements}
    # Eight of the 24 pictures are bananas themselves.
    assert attack["attack_success"].n == attack["poisoned_accuracy"].n == 16
    assert found.attack.variant == "full@0.3"
    told = done.stdout.decode()
    assert "MEASURED  model.pt" in told
    assert "acc1" in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--data", "nowhere"), "file.missing"),
        (("--data", "classes", "--trigger", "noise-blend-fresh"), "usage.incomplete"),
        (("--data", "classes", *ATTACK[:3], "full@9", *ATTACK[4:]), "rules.unknown_variant"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(folder, arguments, code):
    done = evaluate(*arguments, "--json", cwd=folder)
    assert done.returncode == 2
    assert f"[{code}]" in done.stderr.decode().splitlines()[-1]
    assert json.loads(done.stdout)["error"]["code"] == code


def test_a_truncated_model(folder):
    shutil.copy(MODEL, folder / "cut.pt")
    (folder / "cut.pt").write_bytes((folder / "cut.pt").read_bytes()[:5000])
    command = [sys.executable, "-m", "clipguard", "evaluate", "cut.pt", "--data", "classes"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=250)
    assert done.returncode == 2
    assert b"clipguard: error [" in done.stderr
