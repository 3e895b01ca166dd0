"""Pictures per second of torch and of every form of the ONNX pair, side by side in one run.

Usage: python -m bench.speed_onnx [--arch ViT-B-32] [--threads 2] [--batch 16] [--rounds 9]

Speed: a model with random weights, whose speed is that of trained ones. In every round each of them
embeds the same batches, in turns, so that what else the machine does meets all alike; ratios are
taken within a round. Agreement: the trained example models, on drawn pictures that they know.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from bench.speed_clean import vit
from clipguard.core import resources
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.export.onnx import write_onnx_pair
from clipguard.model.batching import Meter, embed_images
from clipguard.model.onnx import OnnxClip
from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import FORMS
from clipguard.model.seam import ClipModel
from clipguard.pairs.synthetic import SyntheticPairs, nouns
from clipguard.pipeline.load import load
from clipguard.probes.vocabulary import PROMPT

FIGURES = Path("bench/data/speed_onnx.json")
EXAMPLES = ("clean-base", "backdoored")
Row = list[str]


def speeds(model: OpenClipModel, batch: int, rounds: int, passes: int) -> list[Row]:
    """Median pictures per second, range over the rounds, and median ratio to torch."""
    side = model.spec.image_size
    pixels = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        write_onnx_pair(model, Path(folder), forms=FORMS)
        runners: dict[str, ClipModel] = {"torch eager, fp32": model}
        runners |= {f"onnxruntime, {form}": OnnxClip(Path(folder), form) for form in FORMS}
        with torch.inference_mode():
            seconds = _rounds(
                {name: item.encode_image for name, item in runners.items()}, pixels, rounds, passes
            )
    base = seconds["torch eager, fp32"]
    rows = []
    for name, spent in seconds.items():
        rates = sorted(passes * batch / item for item in spent)
        ratio = median(first / item for first, item in zip(base, spent, strict=True))
        rows.append(
            [name, f"{median(rates):.1f} /s ({rates[0]:.1f} to {rates[-1]:.1f})", f"{ratio:.2f}"]
        )
    return rows


def _rounds(
    runners: Mapping[str, Callable[[Tensor], Tensor]], pixels: Tensor, rounds: int, passes: int
) -> dict[str, list[float]]:
    """Seconds of every round, after one that is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds + 1):
        for name, run in runners.items():
            began = time.perf_counter()
            for _ in range(passes):
                run(pixels)
            spent[name].append(time.perf_counter() - began)
    return {name: found[1:] for name, found in spent.items()}


def agreement(example: str, pictures: int) -> list[Row]:
    """Cosine to torch and share of equal zero-shot answers of the smaller forms."""
    path = str(resources.examples(example, "model.pt"))
    loaded = load(path, None, device="cpu", seeds=Seeds(0), meter=Meter(), progress=SILENT)
    model = loaded.model
    pairs = SyntheticPairs(11, pictures)
    pixels = pairs.read(list(range(pictures)), model.spec.image_size).pixels
    texts = [PROMPT.format(noun) for noun in nouns()]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        write_onnx_pair(model, Path(folder), forms=FORMS)
        wanted, words = embed_images(model, pixels, Meter()), model.encode_text(texts)
        rows = []
        for form in FORMS:
            pair = OnnxClip(Path(folder), form)
            found = embed_images(pair, pixels, Meter())
            cosines = (wanted * found).sum(dim=1)
            equal = (wanted @ words.T).argmax(1) == (found @ pair.encode_text(texts).T).argmax(1)
            rows.append(
                [
                    f"{example} (trained, {model.spec.image_size} px), {form}",
                    f"cosine {cosines.min():.4f} at least, {cosines.mean():.5f} on average",
                    f"{equal.float().mean():.3f} of the answers",
                ]
            )
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=FIGURES)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = speeds(vit(given.arch), given.batch, given.rounds, given.passes)
    for example in EXAMPLES:
        rows += agreement(example, given.pictures)
    for row in rows:
        print(": ".join(row))
    instructions = torch.backends.cpu.get_cpu_capability()
    section = {
        "title": f"Speed of the ONNX pair with {instructions}",
        "note": f"Pictures per second of the image tower of a {given.arch} with random weights, "
        f"a processor with {instructions}, {given.threads} threads, batches of {given.batch}, "
        f"{given.rounds} rounds in turns: median and range. Below, how far the forms lie from "
        f"torch on trained example models, over {given.pictures} drawn pictures. "
        "bench/speed_onnx.py, all in one run. Half precision is one of storage: it computes in "
        "float32.",
        "head": ["what", "figure", "to torch"],
        "rows": rows,
    }
    given.out.write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
