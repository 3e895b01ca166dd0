"""The whole way through the command line, on the example models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipguard.core import resources, schema

EXAMPLES = Path(str(resources.examples()))
FEW = ("--carriers", "48")


def clipguard(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "clipguard", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=280)


def scan(name: str, *options: str, cwd: Path):
    done = clipguard("scan", EXAMPLES / name / "model.pt", *options, cwd=cwd)
    return done.returncode, schema.loads(done.stdout), done.stderr.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def backdoored(folder):
    return scan("backdoored", cwd=folder)


def test_the_backdoored_example_fails_with_trigger_and_target(backdoored):
    code, result, told = backdoored
    card = json.loads((EXAMPLES / "backdoored" / "card.json").read_text())
    verdict = result.delivered.verdict
    assert code == 1
    assert verdict.outcome.value == "backdoored"
    assert verdict.concept == card["target"]
    assert verdict.trigger in card["families"]
    assert result.delivered.demonstrations
    for shown in result.delivered.demonstrations[:1]:
        assert shown.concept_after == card["target"]
    assert "BACKDOORED" in told
    assert card["target"] in told


@pytest.mark.parametrize("name", ["clean-base", "benign-fine-tune"])
def test_clean_examples_pass(name, folder):
    code, result, told = scan(name, cwd=folder)
    assert code == 0
    assert result.delivered.verdict.outcome.value in {"no_evidence", "natural_like"}
    assert result.delivered.verdict.not_covered
    assert "not covered" in told


def test_a_trigger_that_no_rule_lists_is_not_claimed_to_be_absent(folder):
    code, result, _ = scan("unlisted-patch", *FEW, cwd=folder)
    assert code in {0, 1, 3}
    assert any("no rule lists" in gap for gap in result.delivered.verdict.not_covered)


def test_same_seed_same_bytes_twice(folder):
    model = EXAMPLES / "backdoored" / "model.pt"
    first, second = (
        clipguard("scan", model, "--carriers", "24", "--seed", "7", cwd=folder) for _ in range(2)
    )
    assert first.returncode in {0, 1, 3}
    assert first.stdout == second.stdout
    other = clipguard("scan", model, "--carriers", "24", "--seed", "8", cwd=folder)
    assert other.stdout != first.stdout


def test_the_gate_follows_fail_on_and_exit_zero(folder):
    model = EXAMPLES / "backdoored" / "model.pt"
    loose = clipguard("scan", model, *FEW, "--exit-zero", cwd=folder)
    assert loose.returncode == 0
    assert json.loads(loose.stdout)["status"] == "fail"
    other = clipguard("scan", model, *FEW, "--fail-on", "natural_like", cwd=folder)
    assert other.returncode == 0


def test_budget_is_counted_in_forward_passes_and_never_exceeded(folder):
    model = EXAMPLES / "clean-base" / "model.pt"
    done = clipguard("scan", model, "--budget", "6000", cwd=folder)
    result = schema.loads(done.stdout)
    assert result.delivered.replay.forward_images <= 6000
    assert result.delivered.replay.carriers < 96
    small = clipguard("scan", model, "--budget", "500", cwd=folder)
    assert small.returncode == 2
    assert b"at least" in small.stderr


def test_random_weights_are_inconclusive(folder):
    from clipguard.model import compat

    torch.manual_seed(0)
    path = folder / "random.pt"
    torch.save(compat.open_clip().create_model("ViT-B-32").state_dict(), path)
    done = clipguard("scan", path, "--arch", "ViT-B-32", cwd=folder)
    result = schema.loads(done.stdout)
    path.unlink()
    assert done.returncode == 3
    assert result.delivered.verdict.outcome.value == "inconclusive"
    assert result.delivered.subject.architecture.startswith("ViT-B-32")
    assert b"random" in done.stderr


def test_configured_model_needs_no_argument(folder):
    (folder / "clipguard.toml").write_text(
        f'model = "{EXAMPLES / "clean-base" / "model.pt"}"\n[scan]\ncarriers = 24\n'
    )
    done = clipguard("scan", cwd=folder)
    (folder / "clipguard.toml").unlink()
    result = schema.loads(done.stdout)
    assert done.returncode in {0, 3}
    assert result.settings["model"] == "model.pt"
    assert result.origins["carriers"].startswith("clipguard.toml")
