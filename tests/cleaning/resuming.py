"""Cleans a tiny model in processes of their own, kills them, and prints what came of it.

Called with a folder. It forks, so that torch is imported once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file, save_file
from tiny import TinyClip, TinyPairs, task, trained

from clipguard.cleaning.guided import Guided
from clipguard.cleaning.journal import Journal
from clipguard.cleaning.options import GuidedSettings, ParSettings, load
from clipguard.cleaning.par import Par
from clipguard.core.seeds import Seeds

PAR = load("par", ParSettings)
GUIDED = load("guided", GuidedSettings)
FEW = {"rates": (1e-4, 1e-3), "steps": 4}
METHODS = {
    "par": Par(
        msgspec.structs.replace(
            PAR, steps=14, batch=8, probe=msgspec.structs.replace(PAR.probe, **FEW)
        )
    ),
    # A far round and two that settle, none of which reaches the goal: the best of them is kept.
    "guided": Guided(
        msgspec.structs.replace(
            GUIDED,
            goal=0.0,
            far_rounds=1,
            max_rounds=3,
            batch=8,
            dev_pictures=8,
            dev_variants=1,
            probe=msgspec.structs.replace(GUIDED.probe, **FEW),
            synthetic=msgspec.structs.replace(GUIDED.synthetic, round_steps=5),
            real=msgspec.structs.replace(GUIDED.real, round_steps=5),
        )
    ),
}
STEPS = {"par": 14, "guided": 15}
PROBED = 2 * 4


class Killing:
    """Progress that kills its own process after so many steps, those of the probe included."""

    def __init__(self, left: int) -> None:
        self.left = left

    @contextmanager
    def stage(self, title: str, total: int | None = None):
        yield self

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.left -= bool(note)
        if note and self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, text: str) -> None:
        pass


def clean(method: str, folder: Path, out: Path, left: int) -> None:
    model = TinyClip()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    journal = Journal(folder / f"{out.name}.state", {"method": method}, every=2)
    job = replace(
        task(model, pairs=TinyPairs(10, 24), held_out=TinyPairs(11, 24)),
        progress=Killing(left),
        journal=journal,
    )
    outcome = METHODS[method].clean(job)
    save_file(dict(job.model.state()), out)
    out.with_suffix(".json").write_bytes(msgspec.json.encode(outcome))


def child(work, *arguments: object) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(folder: Path) -> None:
    def prepare() -> None:
        save_file(dict(trained(poisoned=True, steps=20).state()), folder / "model.safetensors")

    assert child(prepare) == 0
    rng = Seeds(8).numpy()
    for method, steps in STEPS.items():
        assert child(clean, method, folder, folder / method, -1) == 0
        killed = sorted(rng.choice(range(2, steps), 3, replace=False).tolist())
        for number, step in enumerate(killed):
            out = folder / f"{method}-{number}"
            assert child(clean, method, folder, out, PROBED + step) == -signal.SIGKILL
            assert not out.exists()
            # The second life ends early as well, once.
            if number == 0:
                assert child(clean, method, folder, out, 2) == -signal.SIGKILL
            assert child(clean, method, folder, out, -1) == 0
            same = out.read_bytes() == (folder / method).read_bytes()
            told = out.with_suffix(".json").read_bytes()
            said = told == (folder / method).with_suffix(".json").read_bytes()
            print(method, step, same, said)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
