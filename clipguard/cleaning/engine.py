"""How embeddings are computed: in parts of what size, how precisely, by how many processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from clipguard.cleaning.options import Precision
from clipguard.model.processes import Processes
from clipguard.model.seam import ClipModel, ClipSpec

Inputs = TypeVar("Inputs", Tensor, Sequence[str])
Tower = Callable[[Inputs], Tensor]

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a step costs. Beyond rounding, nothing here changes its result.

    Args:
        micro_batch: rows embedded at once; None: the whole share of a process.
        precision: what the towers compute in; weights, embeddings and losses are float32 always.
        checkpointing: compute activations again in the backward pass instead of keeping them.
        processes: who embeds which rows.
        device: torch device of the towers.
    """

    micro_batch: int | None = None
    precision: Precision = "fp32"
    checkpointing: bool = False
    processes: Processes = field(default_factory=Processes)
    device: str = "cpu"

    def parts(self, inputs: Inputs) -> list[Inputs]:
        """This process's rows of a batch, cut into what is embedded at once."""
        own = inputs[self.processes.share(len(inputs))]
        size = self.micro_batch or len(own)
        return [own[start : start + size] for start in range(0, len(own), size)]

    def casting(self) -> AbstractContextManager[object]:
        """Inside, towers compute in the precision asked for.

        One block for each forward pass: weights cast without gradient must not serve one with it.
        """
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=_AUTOCAST[self.precision])


class ByParts(ABC):
    """A model that embeds large batches as an engine says.

    Args:
        model: embeds a part.
        engine: size of the parts, precision, processes.
    """

    def __init__(self, model: ClipModel, engine: Engine) -> None:
        self._model, self._engine = model, engine

    @property
    def spec(self) -> ClipSpec:
        """The model's facts."""
        return self._model.spec

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) float32 in 0..1 -> (B, D) unit-norm float32."""
        return self._embed(self._model.encode_image, pixels)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, D) unit-norm float32."""
        return self._embed(self._model.encode_text, texts)

    @abstractmethod
    def _embed(self, tower: Tower[Inputs], inputs: Inputs) -> Tensor:
        """The embeddings of all processes' rows."""


class Frozen(ByParts):
    """The delivered model, embedding large batches as the student does, without gradient.

    It rounds as the student does: otherwise the distance between them would start at the noise.
    """

    def _embed(self, tower: Tower[Inputs], inputs: Inputs) -> Tensor:
        found = []
        for part in self._engine.parts(inputs):
            with torch.no_grad(), self._engine.casting():
                found.append(tower(part))
        return self._engine.processes.gather(torch.cat(found), len(inputs))
