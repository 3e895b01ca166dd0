"""The exact gradient of a large batch at the memory of a small one.

Embeddings of the whole batch are computed part by part without keeping activations; the loss on
them gives the gradient with respect to each embedding; then each part is embedded once more, and
its share of that gradient goes through the tower. Whatever the loss makes of the whole batch (other
pairs as negatives, a mean that decides a gate) is exact.

Source: L. Gao, Y. Zhang, J. Han, J. Callan, Scaling Deep Contrastive Learning Batch Size under
Memory Limited Setup, arXiv 2101.06983.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from clipguard.cleaning.engine import ByParts, Engine, Inputs, Tower
from clipguard.model.seam import TrainableClip


@dataclass(frozen=True)
class _Kept:
    """A part whose graph is kept: the only one of its call."""

    embeddings: Tensor

    def graph(self) -> Tensor:
        return self.embeddings


@dataclass(frozen=True)
class _Again:
    """A part that is embedded once more, from the same state of the random generators."""

    engine: Engine
    tower: Tower[Any]
    inputs: Any
    state: Tensor

    def graph(self) -> Tensor:
        # Models in eval mode draw nothing; one that does all the same must draw alike twice.
        with torch.random.fork_rng(devices=[]), self.engine.casting():
            torch.set_rng_state(self.state)
            return self.tower(self.inputs)


@dataclass(frozen=True)
class _Call:
    """One call of a tower: embeddings of the whole batch as a leaf, and how to go behind it."""

    leaf: Tensor
    rows: slice
    parts: tuple[_Kept | _Again, ...]


class Tape(ByParts):
    """The student of one step. Embeddings are those of the model, as leaves; gradients follow.

    A loss is computed from embeddings of this tape, then handed to :meth:`backward` once.

    Args:
        model: with gradients on.
        engine: size of the parts, precision, processes.
    """

    def __init__(self, model: TrainableClip, engine: Engine) -> None:
        super().__init__(model, engine)
        self._calls: list[_Call] = []

    def backward(self, total: Tensor, weights: Iterable[Parameter], scale: float = 1.0) -> None:
        """Add the gradient of a loss, times ``scale``, to the weights' gradients.

        Args:
            total: the loss, a scalar; it may speak of weights directly as well.
            weights: those whose gradients are wanted, with none yet.
            scale: keeps small gradients apart from 0 in half precision.
        """
        weights = list(weights)
        total.backward()
        for weight in weights:
            if weight.grad is not None:  # what is said of weights directly, all processes say
                weight.grad.mul_(scale / self._engine.processes.count)
        for call in self._calls:
            if call.leaf.grad is not None:
                self._send(call, call.leaf.grad[call.rows] * scale)
        self._calls.clear()
        self._engine.processes.add_gradients(weights)

    def _send(self, call: _Call, gradient: Tensor) -> None:
        start = 0
        for part in call.parts:
            embeddings = part.graph()
            own = gradient[start : start + len(embeddings)]
            start += len(embeddings)
            if embeddings.requires_grad:
                embeddings.backward(own)

    def _embed(self, tower: Tower[Inputs], inputs: Inputs) -> Tensor:
        cut = self._engine.parts(inputs)
        parts: list[_Kept | _Again] = []
        found = []
        for part in cut:
            state = torch.get_rng_state()
            with torch.set_grad_enabled(len(cut) == 1), self._engine.casting():
                embeddings = tower(part)
            once = len(cut) == 1
            parts.append(_Kept(embeddings) if once else _Again(self._engine, tower, part, state))
            found.append(embeddings.detach())
        processes = self._engine.processes
        leaf = processes.gather(torch.cat(found), len(inputs)).requires_grad_()
        self._calls.append(_Call(leaf, processes.share(len(inputs)), tuple(parts)))
        return leaf
