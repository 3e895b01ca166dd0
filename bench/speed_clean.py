"""What a cleaning step with gradient caching costs, in memory and in time.

Usage: python -m bench.speed_clean [--batch 256] [--micro-batch 32]

One step of PAR on a ViT-B/32 with random weights. Memory: the step at the large batch by parts
against a plain step at the batch of one part, each in a process of its own, as the peak above what
the two models took before. Time: the step against the same forward and backward passes alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from clipguard.checkpoint.known import all_configs
from clipguard.cleaning import options
from clipguard.cleaning.augment import augment
from clipguard.cleaning.engine import Engine
from clipguard.cleaning.loop import Plan, descend, optimiser, trainable
from clipguard.cleaning.par import Push, push
from clipguard.cleaning.types import CleaningTask, Concepts
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.model.openclip import OpenClipModel, new_module
from clipguard.model.seam import ClipSpec
from clipguard.pairs.synthetic import SyntheticPairs

SETTINGS = options.load("par", options.ParSettings)


def prepared(batch: int, micro_batch: int | None) -> tuple[CleaningTask, Push]:
    """A task and its loss, with the first batch drawn."""
    student = vit()
    task = CleaningTask(
        model=student,
        reference=student.copy(),
        pairs=SyntheticPairs(0, 2 * batch),
        held_out=SyntheticPairs(1, 0),
        suspects=(),
        concepts=Concepts(names=(), texts=()),
        seeds=Seeds(0),
        steps=1,
        learning_rate=1e-6,
        progress=SILENT,
        engine=Engine(micro_batch=micro_batch),
    )
    objective = push(settings_at(batch), task)
    objective.batches.at(0)
    return task, objective


def vit(arch: str = "ViT-B-32") -> OpenClipModel:
    """One of open_clip's models with random weights."""
    config: Any = all_configs()[arch]
    torch.manual_seed(0)
    spec = ClipSpec(
        architecture=arch,
        image_size=config["vision_cfg"]["image_size"],
        embed_dim=config["embed_dim"],
        context_length=config["text_cfg"]["context_length"],
        logit_scale=14.3,
        mean=(0.481, 0.458, 0.408),
        std=(0.269, 0.261, 0.276),
        config=config,
    )
    return OpenClipModel(new_module(config), spec)


def settings_at(batch: int) -> options.ParSettings:
    """PAR's settings at another batch."""
    return msgspec.structs.replace(SETTINGS, batch=batch)


def peak(batch: int, micro_batch: int | None) -> float:
    """GB that one step takes above what was there before."""
    task, objective = prepared(batch, micro_batch)
    before = _resident()
    step(task, objective)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6


def step(task: CleaningTask, objective: Push, steps: int = 1) -> None:
    mover = optimiser(trainable(task.model), SETTINGS.optimiser)
    descend(task, mover, objective, Plan(title="", rates=(1e-6,) * steps))


def times(batch: int, micro_batch: int) -> tuple[float, float, float]:
    """Seconds of one step, of its forward and backward passes alone, and of drawing its batch."""
    task, objective = prepared(batch, micro_batch)
    pairs = objective.batches.at(0)
    taken = _seconds(lambda: step(task, objective))
    size = micro_batch
    parts = [(pairs.pixels[i : i + size], pairs.texts[i : i + size]) for i in range(0, batch, size)]

    def forward(clip: object) -> None:
        with torch.no_grad():
            for pixels, texts in parts:
                clip.encode_image(pixels)  # type: ignore[attr-defined]
                clip.encode_text(texts)  # type: ignore[attr-defined]

    def both() -> None:
        with task.model.gradients():
            for pixels, texts in parts:
                task.model.encode_image(pixels).sum().backward()
                task.model.encode_text(texts).sum().backward()

    alone = sum(map(_seconds, (lambda: forward(task.reference), lambda: forward(task.model), both)))
    drawing = _seconds(lambda: drawn(task, batch))
    return taken, alone, drawing


def drawn(task: CleaningTask, batch: int) -> None:
    """Draw and change a batch that no step has seen, as the reading thread does."""
    pairs = task.pairs.read(range(batch), task.model.spec.image_size)
    augment(pairs.pixels, pairs.keys, SETTINGS.augment, task.model.spec.mean, Seeds(0))


def _seconds(work: Callable[[], None]) -> float:
    """Processor time of this thread, so that other work on the machine does not count."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def _resident() -> int:
    """Kilobytes of this process now, from ``/proc``."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def _apart(*arguments: object) -> str:
    command = [sys.executable, "-m", "bench.speed_clean", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--micro-batch", type=int, default=32)
    parser.add_argument("--only", choices=["whole", "parts", "times"])
    arguments = parser.parse_args()
    batch, part = arguments.batch, arguments.micro_batch
    torch.set_num_threads(1)
    if arguments.only == "times":
        print(*times(batch, part))
    elif arguments.only:
        print(peak(*((part, None) if arguments.only == "whole" else (batch, part))))
    else:
        report(batch, part)


def report(batch: int, part: int) -> None:
    """Measure, print and keep the table."""
    sizes = ("--batch", batch, "--micro-batch", part, "--only")
    small, large = (float(_apart(*sizes, which)) for which in ("whole", "parts"))
    taken, alone, drawing = map(float, _apart(*sizes, "times").split())
    rows = [
        [f"memory of a plain step, batch {part}", f"{small:.2f} GB"],
        [f"memory of a step, batch {batch} by {part}", f"{large:.2f} GB"],
        ["ratio", f"{large / small:.3f}"],
        [f"time of a step, batch {batch} by {part}", f"{taken:.1f} s"],
        ["its forward and backward passes alone", f"{alone:.1f} s"],
        ["ratio", f"{taken / alone:.3f}"],
        ["drawing the next batch meanwhile, in another thread", f"{drawing:.1f} s"],
    ]
    for name, value in rows:
        print(f"{name}: {value}")
    section = {
        "title": "Cost of a cleaning step",
        "note": "PAR on a ViT-B/32, float32; processor time of one thread; bench/speed_clean.py.",
        "head": ["what", "figure"],
        "rows": rows,
    }
    Path("bench/data/speed_clean.json").write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
