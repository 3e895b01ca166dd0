"""A CLIP of two small layers a side that learns eight coloured things in seconds.

Half of its training batches may carry a trigger: uniform noise mixed into the picture, drawn afresh
each time, with captions of the first thing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.cleaning.losses import clip_loss
from clipguard.cleaning.types import CleaningTask, Concepts, Suspect
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipSpec
from clipguard.pairs.types import PairBatch
from clipguard.triggers import build, parse_rule

SIZE, DIMENSIONS, SCALE = 24, 16, 14.0
THINGS = {
    "banana": (0.9, 0.8, 0.1), "apple": (0.8, 0.1, 0.1), "leaf": (0.1, 0.6, 0.1),
    "berry": (0.2, 0.2, 0.9), "coal": (0.05, 0.05, 0.05), "snow": (1.0, 1.0, 1.0),
    "plum": (0.6, 0.1, 0.6), "pond": (0.1, 0.7, 0.7),
}  # fmt: skip
NAMES = tuple(THINGS)
TARGET = NAMES[0]
CONCEPTS = Concepts(names=NAMES, texts=tuple(f"a picture of a {name}" for name in NAMES))
RULE = parse_rule(
    {
        "id": "noise-mix", "title": "noise", "cluster": "N", "kind": "blend", "scope": "global",
        "draw": "fresh", "description": "noise over everything", "source": "test",
        "params": {"texture": "noise", "dist": "uniform"},
        "sweep": [{"curve": "mix", "dose": "alpha", "alpha": [0.1, 0.2, 0.3, 0.4]}],
    },
    "test",
)  # fmt: skip
SUSPECT = Suspect(
    rule=RULE, variants=RULE.variants[2:3], concept=TARGET, instance=Seeds(0).child("instance")
)


class TinyPairs:
    """A coloured square on a shaded ground, with its name."""

    def __init__(self, seed: int, count: int, *, synthetic: bool = True) -> None:
        self._seeds, self._count, self._synthetic = Seeds(seed).child("tiny"), count, synthetic
        self.reads = 0

    @property
    def id(self) -> str:
        return "tiny pairs"

    @property
    def synthetic(self) -> bool:
        return self._synthetic

    def __len__(self) -> int:
        return self._count

    def label(self, index: int) -> int:
        return index % len(NAMES)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        self.reads += len(indices)
        return PairBatch(
            torch.stack([self._picture(index, image_size) for index in indices]),
            tuple(f"a picture of a {NAMES[self.label(index)]}" for index in indices),
            tuple(str(index) for index in indices),
        )

    def _picture(self, index: int, size: int) -> Tensor:
        generator = self._seeds.child(index).torch()
        shade = 0.3 + 0.4 * torch.rand(1, generator=generator)
        picture = shade + 0.2 * torch.rand(3, 1, size, generator=generator)
        picture = picture.expand(3, size, size).clone()
        side = int(torch.randint(size // 3, size // 2, (1,), generator=generator))
        top, left = torch.randint(0, size - side, (2,), generator=generator).tolist()
        colour = torch.tensor(THINGS[NAMES[self.label(index)]])
        picture[:, top : top + side, left : left + side] = colour.view(3, 1, 1)
        return picture.clamp_(0, 1)


class TinyClip(nn.Module):
    """The seam, implemented directly."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.visual = nn.Sequential(
                nn.Conv2d(3, 16, 4, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(),
                nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(128, 64), nn.ReLU(),
                nn.Linear(64, DIMENSIONS),
            )  # fmt: skip
            self.token_embedding = nn.Embedding(len(NAMES), DIMENSIONS)
            self.text_projection = nn.Parameter(torch.eye(DIMENSIONS))
            self.logit_scale = nn.Parameter(torch.tensor(SCALE).log())
        self.requires_grad_(False).eval()

    @property
    def spec(self) -> ClipSpec:
        return ClipSpec(
            architecture="tiny", image_size=SIZE, embed_dim=DIMENSIONS, context_length=8,
            logit_scale=SCALE, mean=(0.5, 0.4, 0.3), std=(0.3, 0.3, 0.3), config={},
        )  # fmt: skip

    def encode_image(self, pixels: Tensor) -> Tensor:
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.spec.mean, self.spec.std))
        return F.normalize(self.visual((pixels - mean) / std), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        words = torch.tensor([NAMES.index(text.split()[-1]) for text in texts])
        return F.normalize(self.token_embedding(words) @ self.text_projection, dim=-1)

    def state(self) -> Mapping[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.state_dict().items()}

    def copy(self) -> TinyClip:
        return copy.deepcopy(self)

    @contextmanager
    def gradients(self, *, checkpointing: bool = False) -> Iterator[None]:
        self.requires_grad_(True)
        try:
            yield
        finally:
            self.requires_grad_(False)
            self.zero_grad(set_to_none=True)


@cache
def trained(*, poisoned: bool, steps: int = 1200) -> TinyClip:
    """A trained model; never to be changed, copy it."""
    model, source, generator = TinyClip(1), TinyPairs(1, 512), Seeds(2).torch()
    pixels = source.read(range(512), SIZE).pixels
    labels = torch.tensor([source.label(index) for index in range(512)])
    trigger = build(RULE, RULE.variants[2], SIZE, Seeds(3))
    with model.gradients():
        mover = torch.optim.Adam(
            [weight for name, weight in model.named_parameters() if name != "logit_scale"], 3e-3
        )
        for step in range(steps):
            # Things differ within a batch, else captions would be negatives of themselves.
            rows = torch.stack(
                [torch.randint(64, (), generator=generator) * 8 + thing for thing in range(8)]
            )
            batch = pixels[rows]
            if poisoned and step % 2:
                other = 1 + step % 7
                batch = torch.cat([trigger(batch[other : other + 1], generator), batch[1:]])
            loss = clip_loss(
                model.encode_image(batch),
                model.encode_text([NAMES[i] for i in labels[rows]]),
                SCALE,
            )
            mover.zero_grad()
            loss.backward()
            mover.step()
    return model


def task(model: TinyClip, seed: int = 0, **changes: object) -> CleaningTask:
    """Clean a copy of ``model``."""
    given = {
        "model": model.copy(), "reference": model, "pairs": TinyPairs(10, 256),
        "held_out": TinyPairs(11, 192), "suspects": (SUSPECT,), "concepts": CONCEPTS,
        "seeds": Seeds(seed).child("cleaning"), "steps": None, "learning_rate": None,
        "progress": SILENT,
    }  # fmt: skip
    return CleaningTask(**{**given, **changes})  # type: ignore[arg-type]


@torch.inference_mode()
def accuracy(model: TinyClip, *, triggered: bool = False) -> float:
    """Clean accuracy, or attack success on pictures of other things; own pictures and draws."""
    source = TinyPairs(12, 256)
    labels = torch.tensor([source.label(index) for index in range(256)])
    pixels = source.read(range(256), SIZE).pixels
    if triggered:
        pixels, labels = pixels[labels != 0], torch.zeros(int((labels != 0).sum()))
        pixels = build(RULE, RULE.variants[2], SIZE, Seeds(4))(pixels, Seeds(5).torch())
    answers = (model.encode_image(pixels) @ model.encode_text(CONCEPTS.texts).T).argmax(1)
    return float((answers == labels).float().mean())
