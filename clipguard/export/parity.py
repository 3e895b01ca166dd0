"""Do the exported files embed as the model does?

Both embed the same pictures and texts in several batch sizes. Embeddings are unit-norm, so cosine
and largest difference bound everything that is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.core.errors import MachineError
from clipguard.core.seeds import Seeds
from clipguard.model.onnx import TEXTUAL, VISUAL, OnnxClip
from clipguard.model.openclip import class_names
from clipguard.model.seam import ClipModel

COUNT = 64
BATCHES = (slice(0, 1), slice(1, 8), slice(8, COUNT))  # of 1, 7 and the rest
LEAST_COSINE = 0.9999
LARGEST_DIFFERENCE = 1e-3

_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class Parity:
    """Agreement over ``compared`` inputs: smallest cosine, largest difference of a component."""

    min_cosine: float
    max_abs_difference: float
    compared: int

    @property
    def holds(self) -> bool:
        """Whether the exported tower may stand in for the model."""
        close = self.max_abs_difference <= LARGEST_DIFFERENCE
        return close and self.min_cosine >= LEAST_COSINE


def check_pair(model: ClipModel, folder: Path) -> tuple[Parity, Parity]:
    """Compare a model with its ONNX pair over 64 pictures and 64 texts.

    Returns:
        Parity of the image tower and of the text tower.

    Raises:
        MachineError: a tower disagrees; the files must not be used.
        InputError: a file cannot be loaded.
    """
    pair = OnnxClip(folder)
    images, texts = pictures(model.spec.image_size), sentences()
    with torch.inference_mode():
        visual = _compare(model.encode_image, pair.encode_image, [images[part] for part in BATCHES])
        textual = _compare(model.encode_text, pair.encode_text, [texts[part] for part in BATCHES])
    for name, parity in ((VISUAL, visual), (TEXTUAL, textual)):
        if not parity.holds:
            raise MachineError(
                "export.parity",
                f"onnxruntime and torch disagree: cosine {parity.min_cosine:.6f}, "
                f"difference {parity.max_abs_difference:.2g}",
                where=name,
                remedy="use the safetensors file, and report the versions of torch and onnxruntime",
            )
    return visual, textual


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


def _compare(
    expected: Callable[[_Batch], Tensor],
    actual: Callable[[_Batch], Tensor],
    batches: Sequence[_Batch],
) -> Parity:
    wanted = torch.cat([expected(batch).cpu() for batch in batches])
    found = torch.cat([actual(batch) for batch in batches])
    return Parity(
        min_cosine=float(F.cosine_similarity(wanted.double(), found.double()).min()),
        max_abs_difference=float((wanted - found).abs().max()),
        compared=len(wanted),
    )
