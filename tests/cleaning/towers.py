"""Real small CLIPs with random weights, a vision transformer and a ResNet, and a loss on them."""

from __future__ import annotations

import msgspec
import torch
from tiny import SUSPECT
from torch.nn import functional as F

from clipguard.cleaning.engine import Engine, Frozen
from clipguard.cleaning.guides import Guides
from clipguard.cleaning.options import GuidedSettings, TermWeights, load
from clipguard.cleaning.pool import Pool
from clipguard.cleaning.pull import Pull
from clipguard.core.seeds import Seeds
from clipguard.model.openclip import OpenClipModel, new_module
from clipguard.model.seam import ClipSpec
from clipguard.pairs.types import PairBatch

TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VISION = {
    "vit": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "resnet": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}
ROWS = 12
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


class Fixed:
    """The same pairs at every step."""

    def at(self, step: int) -> PairBatch:
        """The pairs of any step."""
        pixels, texts = batch(ROWS)
        return PairBatch(pixels, tuple(texts), tuple(texts))


def pull(reference: OpenClipModel, pull_weight: float = 2.0, **weights: float) -> Pull:
    """Guided cleaning's loss with every term in it; ``weights`` changes theirs."""
    terms = TermWeights(
        round_steps=1,
        reach=0.0,
        settling_rounds=1,
        settling_pull_weight=1.0,
        inverted=0.5,
        distill=10.0,
        mixed=5.0,
        answers=1.0,
        contrastive=0.2,
        probe_drift=0.1,
        smallest_view=1.0,
        smallest_mixed_view=0.6,
    )
    guides, frozen = Guides((SUSPECT,), 4, 0.5, Seeds(2)), Frozen(reference, Engine())
    settings = load("guided", GuidedSettings).inversion
    pool = Pool(settings, Fixed(), frozen, torch.empty(0, 16), True, Seeds(3))  # type: ignore[arg-type]
    pool.prepare(reference, 0)
    return Pull(
        pull_weight=pull_weight,
        weights=msgspec.structs.replace(terms, **weights),
        reference=frozen,
        batches=Fixed(),  # type: ignore[arg-type]
        guides=guides,
        pool=pool,
        words=F.normalize(torch.randn(7, 16, generator=Seeds(5).torch()), dim=1),
        inverted=0.5,
        seeds=Seeds(4),
    )
