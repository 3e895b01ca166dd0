"""Inverted triggers that cleaning trains on, made anew while it goes on.

What an inversion finds today the model unlearns tomorrow, so a pool is kept: the newest triggers
are the sharpest, the older ones must stay gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from clipguard.cleaning.batches import Batches
from clipguard.cleaning.inversion import Climb, Form, Inverted, astray, invert, toward
from clipguard.cleaning.journal import Entry
from clipguard.cleaning.options import InversionSettings
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel


@dataclass(frozen=True)
class Made:
    """A trigger and the step that it was made for."""

    step: int
    trigger: Inverted


@dataclass
class Pool:
    """The triggers made so far, oldest first; what a step adds depends on weights and step alone.

    Without targets one window and one full-picture trigger are made every few steps. With targets,
    more rarely, two windows, a blend and a masked pattern toward each of them: which target meets
    which form must not be left to chance.

    Args:
        settings: forms, and how often.
        batches: the pairs that cleaning trains on; inversion looks at those of the next step.
        reference: the delivered model, which says where clean pictures lie.
        targets: (T, D) text embeddings of suspected concepts; T may be 0.
        seeds: stream of forms, starts and draws.
        made: the state.
    """

    settings: InversionSettings
    batches: Batches
    reference: ClipModel
    targets: Tensor
    seeds: Seeds
    made: tuple[Made, ...] = field(default=())

    def prepare(self, model: ClipModel, step: int) -> None:
        """Make what this step is to make; going back to an earlier step forgets what came later."""
        kept = tuple(item for item in self.made if item.step < step)
        settings = self.settings
        every = settings.every_targeted if len(self.targets) else settings.every
        if step % every == 0:
            kept += tuple(Made(step, trigger) for trigger in self._made(model, step, every))
        self.made = kept[-settings.kept * max(len(self.targets), 1) :]

    def entry(self) -> Entry:
        """The triggers, as plain data."""
        tensors, facts = {}, []
        for number, made in enumerate(self.made):
            facts.append({"step": made.step, "place": made.trigger.place})
            tensors[f"{number}.pattern"] = made.trigger.pattern.contiguous()
            tensors[f"{number}.strength"] = made.trigger.strength.contiguous()
        return Entry({"made": facts}, tensors)

    def restore(self, entry: Entry) -> None:
        """Hold the triggers of an entry."""
        self.made = tuple(
            Made(
                fact["step"],
                Inverted(
                    entry.tensors[f"{number}.pattern"],
                    entry.tensors[f"{number}.strength"],
                    fact["place"] and tuple(fact["place"]),
                ),
            )
            for number, fact in enumerate(entry.facts["made"])
        )

    def stamp(self, pixels: Tensor, step: int) -> Tensor:
        """(B, 3, S, S) -> a triggered copy of every picture, in equal shares of the drawn ones."""
        seeds = self.seeds.child("stamp", step)
        rng = seeds.numpy()
        chosen = self._drawn(rng)
        stamped = pixels.clone()
        for place, share in enumerate(np.array_split(rng.permutation(len(pixels)), len(chosen))):
            index = torch.from_numpy(share)
            draws = seeds.child("draw", place).torch()
            stamped[index] = chosen[place].stamp(pixels[index], draws)
        return stamped

    def _drawn(self, rng: np.random.Generator) -> list[Inverted]:
        """The newest triggers and some of the older ones."""
        newest = self.settings.newest * max(2 * len(self.targets), 1)
        rest = self.made[:-newest]
        count = min(self.settings.older, len(rest))
        older = [rest[int(index)] for index in rng.choice(len(rest), count, replace=False)]
        return [item.trigger for item in (*self.made[-newest:], *older)]

    def _made(self, model: ClipModel, step: int, every: int) -> Iterator[Inverted]:
        seeds = self.seeds.child("invert", step)
        pixels = self.batches.at(step + 1).pixels
        home = self.reference.encode_image(pixels)
        climb = climb_of(self.settings)
        aims = [toward(text) for text in self.targets] or [astray(home)]
        for number, aim in enumerate(aims):
            rng = seeds.child("form", number).numpy()
            forms = (
                _systematic(self.settings, pixels.shape[-1], rng)
                if len(self.targets)
                else _alternating(self.settings, pixels.shape[-1], rng, step // every)
            )
            for place, form in enumerate(forms):
                yield invert(model, pixels, form, aim, climb, seeds.child(number, place).torch())


def climb_of(settings: InversionSettings) -> Climb:
    """How far an inversion with these settings goes."""
    return Climb(
        steps=settings.steps,
        step_size=settings.step_size,
        pictures=settings.pictures,
        area_penalty=settings.area_penalty,
    )


def _systematic(settings: InversionSettings, size: int, rng: np.random.Generator) -> list[Form]:
    return [
        _window(settings, size, rng),
        _window(settings, size, rng),
        _blend(settings, size, rng),
        Form(size, (0, 0), settings.mask, masked=True),
    ]


def _alternating(
    settings: InversionSettings, size: int, rng: np.random.Generator, turn: int
) -> list[Form]:
    full = Form(size, (0, 0), settings.mask, masked=True)
    return [_window(settings, size, rng), full if turn % 2 else _blend(settings, size, rng)]


def _window(settings: InversionSettings, size: int, rng: np.random.Generator) -> Form:
    """Free, in a corner, or at any one place."""
    side = max(round(size * float(rng.choice(settings.windows))), 1)
    room = size - side
    if rng.random() < settings.anywhere:
        return Form(side, None, 1.0)
    if rng.random() < 0.5:
        top, left = (room * int(value) for value in rng.integers(2, size=2))
    else:
        top, left = (int(value) for value in rng.integers(room + 1, size=2))
    return Form(side, (top, left), 1.0)


def _blend(settings: InversionSettings, size: int, rng: np.random.Generator) -> Form:
    return Form(size, (0, 0), float(rng.choice(settings.blends)))
