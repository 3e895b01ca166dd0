"""Real small CLIPs with random weights, behind the seam: a vision transformer and a ResNet."""

from __future__ import annotations

import torch

from clipguard.core.seeds import Seeds
from clipguard.model.openclip import OpenClipModel, new_module
from clipguard.model.seam import ClipSpec

TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VISION = {
    "vit": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "resnet": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}
WORDS = ("red", "blue", "round", "a very large", "tiny", "old", "one more", "striped")


def real(kind: str, seed: int = 0) -> OpenClipModel:
    """The model called ``vit`` or ``resnet``."""
    config = {"embed_dim": 16, "vision_cfg": VISION[kind], "text_cfg": TEXT}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = new_module(config)
        for name, buffer in module.named_buffers():
            if name.endswith("running_var"):  # fresh ones are all 1 and would hide a mix-up
                buffer.uniform_(0.5, 2.0)
    spec = ClipSpec(
        architecture=kind,
        image_size=32,
        embed_dim=16,
        context_length=20,
        logit_scale=14.3,
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.25),
        config=config,
    )
    return OpenClipModel(module, spec)


def batch(count: int) -> tuple[torch.Tensor, list[str]]:
    """Pictures, and captions of different lengths."""
    pixels = torch.rand(count, 3, 32, 32, generator=Seeds(1).torch())
    return pixels, [f"a {WORDS[row % 8]} thing number {row}" for row in range(count)]
