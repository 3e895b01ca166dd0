"""Audit and clean through the command line, on the backdoored example."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from clipguard.core import resources, schema
from clipguard.core.results import Outcome

MODEL = Path(str(resources.examples("backdoored", "model.pt")))
FEWER = ("--steps", "60", "--learning-rate", "3e-4")  # two of the rounds, for time
FILES = {
    "README.md",
    "SHA256SUMS",
    "attestation.intoto.json",
    "audit.html",
    "bom.cdx.json",
    "cleaning.json",
    "open_clip_config.json",
    "open_clip_model.safetensors",
    "result.json",
    "textual.onnx",
    "visual.onnx",
}


def clipguard(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "clipguard", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    done = clipguard("audit", MODEL, *FEWER, "-o", "first", cwd=folder)
    return done, folder


def value(measurements, name: str) -> float:
    return next(item.value for item in measurements if item.name.startswith(name))


@pytest.mark.timeout(600)
def test_a_successful_repair_passes_with_the_finding_on_record(audited):
    done, folder = audited
    assert done.returncode == 0, done.stderr.decode()
    assert {path.name for path in (folder / "first").iterdir()} == FILES
    result = schema.loads((folder / "first" / "result.json").read_bytes())
    assert result.delivered.verdict.outcome is Outcome.BACKDOORED
    assert result.cleaning.cleaned
    assert result.repaired.verdict.outcome in {Outcome.NO_EVIDENCE, Outcome.NATURAL_LIKE}
    assert value(result.cleaning.before, "attack_success") > 0.6
    assert value(result.cleaning.after, "attack_success") <= 0.10
    # Of 1000 neighbouring names the very same one: far from chance, far from certain.
    assert value(result.cleaning.after, "agreement") > 0.5


def test_the_onnx_pair_agrees_with_torch(audited):
    result = schema.loads((audited[1] / "first" / "result.json").read_bytes())
    pair = [item for item in result.exports if item.kind.startswith("onnx")]
    assert len(pair) == 2
    for item in pair:
        assert item.compared >= 64
        assert item.min_cosine >= 0.9999
        assert item.max_abs_difference <= 1e-3


def test_the_verdict_was_taken_again_on_the_onnx_pair(audited):
    result = schema.loads((audited[1] / "first" / "result.json").read_bytes())
    assert result.retake.outcome is result.repaired.verdict.outcome
    assert result.delivered.verdict.trigger in {item.family for item in result.retake.families}
    for item in result.retake.families:
        assert item.difference <= 0.03
        assert item.in_onnx.n > 32


def test_the_folder_verifies(audited):
    done = clipguard("verify", "first", cwd=audited[1])
    assert done.returncode == 0, done.stderr.decode()
    assert b"onnxruntime agrees with open_clip_model.safetensors" in done.stdout


def test_digests_in_the_result_are_those_of_the_files(audited):
    folder = audited[1] / "first"
    result = schema.loads((folder / "result.json").read_bytes())
    for item in result.exports:
        data = (folder / item.artifact.name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == item.artifact.sha256


def test_the_input_is_untouched_and_nothing_else_is_left(audited):
    assert {path.name for path in audited[1].iterdir()} == {"first"}


@pytest.mark.timeout(600)
def test_same_seed_same_weights_and_report_bytes(audited):
    folder = audited[1]
    done = clipguard("audit", MODEL, *FEWER, "-o", "second/first", cwd=folder)
    assert done.returncode == 0
    for name in sorted(FILES):
        first, second = (
            (folder / place / name).read_bytes() for place in ("first", "second/first")
        )
        assert first == second, name


def test_an_output_that_exists_is_refused_before_any_work(audited):
    done = clipguard("audit", MODEL, "-o", "first", cwd=audited[1])
    assert done.returncode == 2
    assert b"output.exists" in done.stderr


def test_nothing_found_is_not_cleaned(tmp_path):
    clean = resources.examples("clean-base", "model.pt")
    done = clipguard(
        "clean", str(clean), "--synthetic", "--carriers", "24", "-o", "out", cwd=tmp_path
    )
    assert done.returncode == 3
    assert not (tmp_path / "out").exists()
    assert b"not cleaned" in done.stderr
