"""Where a walk stands: all that its next step depends on beside weights and step number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec
import torch
from torch import Tensor
from torch.nn import Parameter

from clipguard.cleaning.engine import Engine
from clipguard.cleaning.gradcache import Tape
from clipguard.cleaning.journal import Entry
from clipguard.core.results import StepRecord
from clipguard.model.seam import TrainableClip

_WEIGHT, _MOMENT, _COMPANION = "weight.", "moment.", "companion."


class Companion(Protocol):
    """What a method keeps beside the weights, from step to step."""

    def prepare(self, model: TrainableClip, step: int) -> None:
        """Called before each step, with the model as it stands."""

    def entry(self) -> Entry:
        """What it holds, as plain data."""

    def restore(self, entry: Entry) -> None:
        """Hold what an entry says."""


class Position:
    """Steps taken, what was seen on the way, and the optimiser.

    Args:
        optimiser: over the weights that move.
        engine: how gradients are computed.
        companion: of the method; None: it has none.
    """

    def __init__(
        self,
        optimiser: torch.optim.Optimizer,
        engine: Engine,
        companion: Companion | None = None,
    ) -> None:
        self.taken = 0
        self.records: list[StepRecord] = []
        self.watched: list[float] = []
        self.ceiling = math.inf
        self._optimiser, self._companion = optimiser, companion
        self._scaler = torch.amp.GradScaler(
            torch.device(engine.device).type, enabled=engine.precision == "fp16"
        )

    def differentiate(self, tape: Tape, total: Tensor) -> None:
        """The gradient of ``total``, which was computed from embeddings of a tape."""
        self._optimiser.zero_grad(set_to_none=True)
        tape.backward(total, self._weights(), self._scaler.get_scale())

    def move(self, rate: float) -> None:
        """One step down the gradient.

        In half precision, a step whose gradient overflows is left out and the next is scaled less.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._scaler.unscale_(self._optimiser)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self.taken += 1

    def finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(weight.isfinite().all()) for weight in self._weights())

    def entry(self, *, moments: bool = True) -> Entry:
        """This position as plain data, with or without what the optimiser remembers."""
        tensors = {
            f"{_WEIGHT}{number}": weight.detach().cpu().contiguous()
            for number, weight in enumerate(self._weights())
        }
        if moments:
            for number, state in self._optimiser.state_dict()["state"].items():
                tensors |= {
                    f"{_MOMENT}{number}.{key}": value.cpu().contiguous()
                    for key, value in state.items()
                }
        facts: dict[str, object] = {
            "taken": self.taken,
            "records": msgspec.to_builtins(self.records),
            "watched": self.watched,
            "ceiling": self.ceiling,
            "scaler": self._scaler.state_dict(),
        }
        if self._companion is not None:
            beside = self._companion.entry()
            facts["companion"] = dict(beside.facts)
            tensors |= {f"{_COMPANION}{name}": value for name, value in beside.tensors.items()}
        return Entry(facts, tensors)

    def restore(self, entry: Entry) -> None:
        """Put weights and, where the entry has it, the optimiser where they were."""
        facts = entry.facts
        self.taken, self.ceiling = facts["taken"], facts["ceiling"]
        self.records = msgspec.convert(facts["records"], list[StepRecord])
        self.watched = list(facts["watched"])
        self._scaler.load_state_dict(facts["scaler"])
        with torch.no_grad():
            for number, weight in enumerate(self._weights()):
                weight.copy_(entry.tensors[f"{_WEIGHT}{number}"])
        if self._companion is not None:
            own = _below(_COMPANION, entry.tensors)
            self._companion.restore(Entry(facts["companion"], own))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(_MOMENT, entry.tensors).items():
            place, key = name.split(".", 1)
            moments.setdefault(int(place), {})[key] = value
        if moments:
            groups = self._optimiser.state_dict()["param_groups"]
            self._optimiser.load_state_dict({"state": moments, "param_groups": groups})

    def _weights(self) -> Iterator[Parameter]:
        for group in self._optimiser.param_groups:
            yield from group["params"]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
