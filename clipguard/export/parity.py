"""Do the exported files embed as the model does?

Both embed the same pictures and texts in several batch sizes. Embeddings are unit-norm, so cosine
and largest difference bound everything that is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.core.errors import RefusedError
from clipguard.core.seeds import Seeds
from clipguard.export.limits import ParityLimits, rules
from clipguard.model.onnx import OnnxClip
from clipguard.model.openclip import class_names
from clipguard.model.pair import OWN, Convention, Form, file_names
from clipguard.model.seam import ClipModel

COUNT = 64
BATCHES = (slice(0, 1), slice(1, 8), slice(0, COUNT))  # of 1, 7 and all


@dataclass(frozen=True)
class Parity:
    """Agreement over ``compared`` inputs: smallest cosine, largest difference of a component."""

    min_cosine: float
    max_abs_difference: float
    compared: int

    def holds(self, form: Form) -> bool:
        """Whether the exported tower may stand in for the model."""
        limits: ParityLimits = getattr(rules().parity, form)
        close = self.max_abs_difference <= limits.max_difference
        return close and self.min_cosine >= limits.min_cosine

    def __str__(self) -> str:
        return f"cosine {self.min_cosine:.6f}, difference {self.max_abs_difference:.2g}"


def check_pair(
    model: ClipModel, folder: Path, form: Form = "fp32", convention: Convention = OWN
) -> tuple[Parity, Parity]:
    """Compare a model with its ONNX pair over 64 pictures and 64 texts.

    Returns:
        Parity of the image tower and of the text tower.

    Raises:
        RefusedError: a tower disagrees; the files must not be used.
        InputError: a file cannot be loaded.
    """
    parities = compare_pair(model, OnnxClip(folder, form, convention))
    for name, parity in zip(file_names(form, convention), parities, strict=True):
        if not parity.holds(form):
            raise RefusedError(
                "export.parity",
                f"onnxruntime and torch disagree: {parity}",
                where=name,
                remedy="use the safetensors file" + ", or another form" * (form != "fp32"),
            )
    return parities


def compare_pair(model: ClipModel, pair: OnnxClip) -> tuple[Parity, Parity]:
    """Parity of the image tower and of the text tower; nothing is judged."""
    images, texts = pictures(model.spec.image_size), sentences()
    with torch.inference_mode():
        return (
            _compare(model.encode_image(images), pair.encode_image, images),
            _compare(model.encode_text(texts), pair.encode_text, texts),
        )


def pictures(size: int) -> Tensor:
    """(64, 3, S, S) float32 in 0..1: random fields from flat colour to single pixels."""
    generator = Seeds(0).child("parity").torch()
    scales = [min(size, 2 ** (index % 9)) for index in range(COUNT)]
    fields = [torch.rand(1, 3, scale, scale, generator=generator) for scale in scales]
    grown = [F.interpolate(field, size=(size, size), mode="bilinear") for field in fields]
    return torch.cat(grown)


def sentences() -> tuple[str, ...]:
    """64 texts from none to more words than any context holds."""
    names = class_names()
    lengths = [0, 100, *(1 + index % 12 for index in range(COUNT - 2))]
    return tuple(
        " ".join(names[(17 * index + word) % len(names)] for word in range(length))
        for index, length in enumerate(lengths)
    )


def _compare(wanted: Tensor, actual: Callable[[Any], Tensor], inputs: Any) -> Parity:
    """Against the same embeddings in every batch size: the batch must not matter."""
    parts = [(wanted[part].cpu(), actual(inputs[part])) for part in BATCHES]
    expected, found = (torch.cat(side) for side in zip(*parts, strict=True))
    return Parity(
        min_cosine=float(F.cosine_similarity(expected.double(), found.double()).min()),
        max_abs_difference=float((expected - found).abs().max()),
        compared=len(wanted),
    )
