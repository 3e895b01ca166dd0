"""What a scan costs against the bare forward passes that it makes, side by side in one run.

Usage: python -m bench.speed_scan [--arch ViT-B-32] [--carriers 24]

A model with random weights is written to a temporary folder by one process. Another one scans that
file as ``clipguard scan --arch`` does, from its first byte to the verdict, with progress on stderr;
the checks are made but not obeyed, since random weights fail them and would end the scan before
the replay. The same process then makes as many image and text forward passes and nothing else, in
full batches and with short texts, which favours the bare passes. Memory is the peak of that process
before the bare passes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from unittest import mock

if TYPE_CHECKING:
    from clipguard.model.batching import Meter
    from clipguard.model.openclip import OpenClipModel

T = TypeVar("T")
FIGURES = Path("bench/data/speed.json")


def write(arch: str, path: Path) -> None:
    """A checkpoint of ``arch`` with random weights, as ``torch.save`` writes it."""
    import torch

    from clipguard.checkpoint.known import all_configs
    from clipguard.model.openclip import new_module

    torch.manual_seed(0)
    torch.save(new_module(all_configs()[arch]).state_dict(), path)


def measure(arch: str, path: Path, carriers: int) -> list[list[str]]:
    """Scan the file, repeat its forward passes bare; rows of names and figures."""
    import torch

    from clipguard.cli.console import PlainProgress
    from clipguard.core.seeds import Seeds
    from clipguard.model.batching import Meter
    from clipguard.pipeline import scan as room
    from clipguard.pipeline.load import load
    from clipguard.pipeline.requests import ScanRequest

    meter, seeds, progress = Meter(), Seeds(0).child("scan"), PlainProgress("speed")
    request = ScanRequest(model=str(path), arch=arch, carriers=carriers)

    def scan() -> room.Probed:
        loaded = load(
            request.model, arch, device="cpu", seeds=seeds, meter=meter, progress=progress
        )
        model, subject, checks = loaded.model, loaded.subject, loaded.checks
        return room.probe_model(request, model, subject, checks, seeds, meter, progress)

    with mock.patch.object(room, "passed", return_value=True):
        wall, cpu, probed = _timed(scan)
    peak = _peak()
    assert probed.measured is not None, "the replay did not run: there is nothing to measure"
    bare_wall, bare_cpu, _ = _timed(lambda: _bare(probed.model, meter))
    weights = sum(4 * value.numel() for _, value in probed.model.named_parameters()) / 1e9
    return [
        ["model", f"{arch}, float32, {torch.get_num_threads()} threads"],
        ["forward passes", f"{meter.images} images, {meter.texts} texts"],
        ["scan", f"{wall:.1f} s, {cpu:.1f} s of CPU"],
        ["bare forward passes", f"{bare_wall:.1f} s, {bare_cpu:.1f} s of CPU"],
        ["ratio", f"{wall / bare_wall:.3f}, {cpu / bare_cpu:.3f} by CPU"],
        ["weights", f"{weights:.2f} GB"],
        ["peak memory of the scan", f"{peak:.2f} GB, {peak - weights:.2f} GB beside the weights"],
    ]


def _bare(model: OpenClipModel, meter: Meter) -> None:
    import torch

    from clipguard.model.batching import IMAGE_BATCH, TEXT_BATCH
    from clipguard.model.openclip import class_names
    from clipguard.probes.vocabulary import PROMPT

    side = model.spec.image_size
    pictures = torch.rand(IMAGE_BATCH, 3, side, side)
    texts = [PROMPT.format(name) for name in class_names()[:TEXT_BATCH]]
    with torch.inference_mode():
        for done in range(0, meter.images, IMAGE_BATCH):
            model.encode_image(pictures[: meter.images - done])
        for done in range(0, meter.texts, TEXT_BATCH):
            model.encode_text(texts[: meter.texts - done])


def _timed(work: Callable[[], T]) -> tuple[float, float, T]:
    """Wall and CPU seconds of ``work``, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def _peak() -> float:
    """Most memory that this program has held, in GB; unlike ru_maxrss, nothing of its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--carriers", type=int, default=24)
    parser.add_argument("--step", choices=["write", "measure"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "write":
        write(given.arch, given.file)
    elif given.step == "measure":
        print(json.dumps(measure(given.arch, given.file, given.carriers)))
    else:
        _orchestrate(given.arch, given.carriers)


def _orchestrate(arch: str, carriers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "bench.speed_scan", "--arch", arch),
            *("--carriers", str(carriers), "--file", os.path.join(folder, "model.pt")),
        ]
        subprocess.run([*command, "--step", "write"], check=True)
        done = subprocess.run([*command, "--step", "measure"], check=True, stdout=subprocess.PIPE)
    rows = json.loads(done.stdout)
    for name, value in rows:
        print(f"{name}: {value}")
    section = {
        "title": "Cost of a scan",
        "note": f"Random weights, {carriers} carriers; bench/speed_scan.py, all in one run.",
        "head": ["what", "figure"],
        "rows": rows,
    }
    FIGURES.write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
