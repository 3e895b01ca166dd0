"""Same seed, same weights, in processes that know nothing of each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import hashlib, sys
sys.path.insert(0, {folder!r})
import torch
torch.set_num_threads(1)
from tiny import task, trained
from clipguard.cleaning import METHODS, method
for name in METHODS:
    for seed in (0, 1):
        job = task(trained(poisoned=True, steps=60), seed=seed, steps=12)
        outcome = method(name).clean(job)
        total = hashlib.sha256(repr(outcome).encode())
        for key, value in sorted(job.model.state().items()):
            total.update(key.encode() + value.numpy().tobytes())
        print(name, total.hexdigest())
"""


def digests() -> list[str]:
    script = SCRIPT.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=200
    )
    return done.stdout.split("\n")[:-1]


def test_same_seed_same_weights() -> None:
    first = digests()
    assert len(set(first)) == 4  # two methods, two seeds
    assert digests() == first
