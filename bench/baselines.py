"""What cleaning is compared with: plain fine-tuning and CleanCLIP, from their papers.

Both move both towers with captions and know nothing of triggers. They are driven by the loop that
clipguard's own methods use; nothing of this is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.cleaning.batches import Batches
from clipguard.cleaning.loop import Plan, Terms, descend, optimiser, trainable
from clipguard.cleaning.losses import clip_loss, drift
from clipguard.cleaning.options import OptimiserSettings
from clipguard.cleaning.schedule import warm_cosine
from clipguard.cleaning.types import CleaningTask
from clipguard.core.seeds import Seeds
from clipguard.model import compat
from clipguard.model.seam import ClipModel

# Weight decay 0.1, betas 0.9 and 0.99: CleanCLIP's optimiser, used for both.
OPTIMISER = OptimiserSettings(betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
BATCH, WARM_UP = 48, 0.1
# Easy data augmentation (arXiv 1901.11196): share of words deleted, share of pairs swapped. Its
# synonyms need WordNet and are left out.
DELETED, SWAPPED = 0.1, 0.1


@dataclass(frozen=True)
class FineTuning:
    """The contrastive loss alone, on pictures as they are."""

    reference: ClipModel
    batches: Batches
    seeds: Seeds

    def __call__(self, model: ClipModel, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        image, text = model.encode_image(pairs.pixels), model.encode_text(pairs.texts)
        total = clip_loss(image, text, model.spec.logit_scale)
        return _terms(total, image, self.reference, pairs.pixels)


@dataclass(frozen=True)
class CleanClip:
    """Contrastive loss plus self-supervision of each modality, weights 1 and 1.

    Every picture has to find its augmented copy among those of the batch, every caption likewise.
    Source: arXiv 2303.03323, equations 3 to 5; pictures by AutoAugment (arXiv 1805.09501).
    """

    reference: ClipModel
    batches: Batches
    seeds: Seeds

    def __call__(self, model: ClipModel, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        seeds, scale = self.seeds.child("augment", step), model.spec.logit_scale
        image, text = model.encode_image(pairs.pixels), model.encode_text(pairs.texts)
        other_image = model.encode_image(pictures(pairs.pixels, seeds))
        other_text = model.encode_text(captions(pairs.texts, seeds))
        alone = (_found(image, other_image, scale) + _found(text, other_text, scale)) / 2
        total = clip_loss(image, text, scale) + alone
        return _terms(total, image, self.reference, pairs.pixels)


METHODS: dict[str, type[FineTuning | CleanClip]] = {
    "fine-tuning": FineTuning,
    "cleanclip": CleanClip,
}


def clean(name: str, task: CleaningTask, steps: int, rate: float) -> None:
    """Change the weights of a task's model by a baseline of this name.

    Raises:
        InputError: too few pairs, or the run diverged.
    """
    seeds = task.seeds.child("train")
    batches = Batches(task.pairs, task.model.spec.image_size, BATCH, seeds)
    objective = METHODS[name](task.reference, batches, seeds)
    plan = Plan(title=name, rates=warm_cosine(steps, rate, WARM_UP))
    mover = optimiser(trainable(task.model), OPTIMISER)
    descend(task, mover, objective, plan).require("give a smaller rate")


def pictures(pixels: Tensor, seeds: Seeds) -> Tensor:
    """(B, 3, S, S) -> the same under AutoAugment's ImageNet policy."""
    compat.repair_torchvision()
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    policy = AutoAugment(AutoAugmentPolicy.IMAGENET)
    stored = (pixels * 255).round().byte()
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global stream
        torch.manual_seed(seeds.child("pictures").value)
        return torch.stack([policy(picture) for picture in stored]).float() / 255


def captions(texts: tuple[str, ...], seeds: Seeds) -> tuple[str, ...]:
    """Captions with words deleted and swapped at random; never left without a word."""
    rng = seeds.child("captions").numpy()
    changed = []
    for text in texts:
        words = text.split()
        kept = [word for word in words if rng.random() >= DELETED] or words
        for _ in range(round(SWAPPED * len(kept)) or 1):
            first, second = rng.integers(len(kept), size=2)
            kept[first], kept[second] = kept[second], kept[first]
        changed.append(" ".join(kept))
    return tuple(changed)


def _found(own: Tensor, other: Tensor, scale: float) -> Tensor:
    return F.cross_entropy(scale * own @ other.T, torch.arange(len(own)))


def _terms(total: Tensor, image: Tensor, reference: ClipModel, pixels: Tensor) -> Terms:
    with torch.no_grad():
        moved = float(drift(image.detach(), reference.encode_image(pixels)))
    return Terms(total, moved, 0.0, float(total.detach()))
