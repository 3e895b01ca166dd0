"""What a scan costs against the bare forward passes that it makes, side by side in one run.

Usage: python -m bench.speed_scan [--carriers 24]

A ViT-B/32 with random weights is written to a temporary folder and scanned with the validity gate
left aside, since random weights would end the scan before the probe. Then a bare loop makes as
many image and text forward passes in the same process at the same batch sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import torch

from clipguard.core.progress import SILENT
from clipguard.core.results import Artifact, Subject
from clipguard.core.seeds import Seeds
from clipguard.model import compat
from clipguard.model.batching import IMAGE_BATCH, TEXT_BATCH, Meter
from clipguard.model.openclip import OpenClipModel, class_names
from clipguard.model.seam import ClipSpec
from clipguard.pipeline.requests import ScanRequest
from clipguard.pipeline.scan import probe_model
from clipguard.probes.vocabulary import PROMPT


def model() -> OpenClipModel:
    """A ViT-B/32 with random weights."""
    clip = compat.open_clip().create_model("ViT-B-32")
    spec = ClipSpec(
        architecture="ViT-B-32",
        image_size=224,
        embed_dim=512,
        context_length=77,
        logit_scale=14.3,
        mean=(0.481, 0.458, 0.408),
        std=(0.269, 0.261, 0.276),
        config={},
    )
    return OpenClipModel(clip, spec)


def bare(clip: OpenClipModel, meter: Meter) -> float:
    """Seconds for the same forward passes and nothing else."""
    picture = torch.rand(IMAGE_BATCH, 3, 224, 224)
    texts = [PROMPT.format(name) for name in class_names()[:TEXT_BATCH]]
    start = time.perf_counter()
    with torch.inference_mode():
        for done in range(0, meter.images, IMAGE_BATCH):
            clip.encode_image(picture[: min(IMAGE_BATCH, meter.images - done)])
        for done in range(0, meter.texts, TEXT_BATCH):
            clip.encode_text(texts[: min(TEXT_BATCH, meter.texts - done)])
    return time.perf_counter() - start


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--carriers", type=int, default=24)
    arguments = parser.parse_args()
    clip, meter = model(), Meter()
    request = ScanRequest(model="ViT-B-32", carriers=arguments.carriers)
    subject = Subject(
        artifact=Artifact(name="random", sha256="0" * 64, size_bytes=0),
        format="none",
        layout="none",
        architecture="ViT-B-32",
        image_size=224,
        embed_dim=512,
        context_length=77,
        parameters=0,
        dtype="float32",
        evidence=(),
        notes=(),
        findings=(),
    )
    start = time.perf_counter()
    probe_model(request, clip, subject, (), Seeds(0), meter, SILENT)
    scan_seconds = time.perf_counter() - start
    bare_seconds = bare(clip, meter)
    weights = sum(p.numel() * 4 for _, p in clip.named_parameters()) / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rows = [
        ["image forward passes", str(meter.images)],
        ["text forward passes", str(meter.texts)],
        ["scan", f"{scan_seconds:.1f} s"],
        ["bare forward passes", f"{bare_seconds:.1f} s"],
        ["ratio", f"{scan_seconds / bare_seconds:.3f}"],
        ["weights", f"{weights:.2f} GB"],
        ["peak memory of the process", f"{peak:.2f} GB"],
    ]
    for name, value in rows:
        print(f"{name}: {value}")
    section = {
        "title": "Cost of a scan",
        "note": "ViT-B/32, float32, 2 cores; bench/speed_scan.py, both parts in one run.",
        "head": ["what", "figure"],
        "rows": rows,
    }
    Path("bench/data/speed.json").write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
