"""Same seed, same weights, in processes that know nothing of each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, sys
sys.path.insert(0, {folder!r})
import torch
torch.set_num_threads(1)
from tiny import task, trained
from clipguard.cleaning import method
job = task(trained(poisoned=True, steps=60), seed={seed}, steps=12)
outcome = method({name!r}).clean(job)
total = hashlib.sha256(repr(outcome).encode())
for name, value in sorted(job.model.state().items()):
    total.update(value.numpy().tobytes())
print(total.hexdigest())
"""


def digest(name: str, seed: int) -> str:
    script = SCRIPT.format(folder=str(Path(__file__).parent), name=name, seed=seed)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["par", "guided"])
def test_same_seed_same_weights(name: str) -> None:
    first = digest(name, 0)
    assert len(first) == 64
    assert digest(name, 0) == first
    assert digest(name, 1) != first
