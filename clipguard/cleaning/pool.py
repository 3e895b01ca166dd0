"""Inverted triggers that cleaning trains on, made anew while it goes on.

What an inversion finds today the model unlearns tomorrow, so a pool is kept: the newest triggers
are the sharpest, the older ones must stay gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from clipguard.cleaning.batches import Batches
from clipguard.cleaning.inversion import Aim, Climb, Form, Inverted, astray, invert, toward
from clipguard.cleaning.journal import Entry
from clipguard.cleaning.options import InversionSettings
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel


@dataclass(frozen=True)
class Made:
    """A trigger, the step that it was made for, and whether it was aimed at a target."""

    step: int
    aimed: bool
    trigger: Inverted


@dataclass
class Pool:
    """The triggers made so far; what a step adds depends on weights and step alone.

    Free ones, without a target, are a window and a full-picture trigger every few steps. Aimed
    ones, more rarely, are two windows, a blend and a masked pattern toward each target: which
    target meets which form must not be left to chance.

    Args:
        settings: forms, and how often.
        batches: the pairs that cleaning trains on; inversion looks at those of the next step.
        reference: the delivered model, which says where clean pictures lie.
        targets: (T, D) text embeddings of suspected concepts; T may be 0.
        free: whether free triggers are made.
        seeds: stream of forms, starts and draws.
        made: the state, oldest first in each kind.
    """

    settings: InversionSettings
    batches: Batches
    reference: ClipModel
    targets: Tensor
    free: bool
    seeds: Seeds
    made: tuple[Made, ...] = field(default=())

    def prepare(self, model: ClipModel, step: int) -> None:
        """Make what this step is to make; going back to an earlier step forgets what came later."""
        settings = self.settings
        aimed, free = self._kinds(item for item in self.made if item.step < step)
        due_aimed = len(self.targets) > 0 and step % settings.every_targeted == 0
        due_free = self.free and step % settings.every == 0
        if due_aimed or due_free:
            pixels = self.batches.at(step + 1).pixels
            if due_aimed:
                aimed += [Made(step, True, made) for made in self._aimed(model, pixels, step)]
            if due_free:
                free += [Made(step, False, made) for made in self._roaming(model, pixels, step)]
        self.made = (*aimed[-settings.kept * len(self.targets) :], *free[-settings.kept :])

    def entry(self) -> Entry:
        """The triggers, as plain data."""
        tensors, facts = {}, []
        for number, made in enumerate(self.made):
            facts.append({"step": made.step, "aimed": made.aimed, "place": made.trigger.place})
            tensors[f"{number}.pattern"] = made.trigger.pattern.contiguous()
            tensors[f"{number}.strength"] = made.trigger.strength.contiguous()
        return Entry({"made": facts}, tensors)

    def restore(self, entry: Entry) -> None:
        """Hold the triggers of an entry."""
        self.made = tuple(
            Made(
                fact["step"],
                fact["aimed"],
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
        """The newest triggers of each kind and some of its older ones."""
        newest = self.settings.newest
        chosen: list[Made] = []
        for kind, count in zip(
            self._kinds(self.made), (2 * newest * len(self.targets), newest), strict=True
        ):
            recent, rest = kind[-count:], kind[:-count]
            older = rng.choice(len(rest), min(self.settings.older, len(rest)), replace=False)
            chosen += [*recent, *(rest[int(index)] for index in older)]
        return [made.trigger for made in chosen]

    @staticmethod
    def _kinds(made: Iterable[Made]) -> tuple[list[Made], list[Made]]:
        """Aimed and free ones."""
        items = list(made)
        return [item for item in items if item.aimed], [item for item in items if not item.aimed]

    def _aimed(self, model: ClipModel, pixels: Tensor, step: int) -> Iterator[Inverted]:
        seeds = self.seeds.child("invert", step)
        for number, text in enumerate(self.targets):
            rng = seeds.child("form", number).numpy()
            forms = _systematic(self.settings, pixels.shape[-1], rng)
            yield from self._inverted(model, pixels, forms, toward(text), seeds.child(number))

    def _roaming(self, model: ClipModel, pixels: Tensor, step: int) -> Iterator[Inverted]:
        seeds = self.seeds.child("free", step)
        turn = step // self.settings.every
        forms = _alternating(self.settings, pixels.shape[-1], seeds.child("form").numpy(), turn)
        aim = astray(self.reference.encode_image(pixels))
        yield from self._inverted(model, pixels, forms, aim, seeds)

    def _inverted(
        self,
        model: ClipModel,
        pixels: Tensor,
        forms: Sequence[Form],
        aim: Callable[[Tensor], Aim],
        seeds: Seeds,
    ) -> Iterator[Inverted]:
        climb = climb_of(self.settings)
        for place, form in enumerate(forms):
            yield invert(model, pixels, form, aim, climb, seeds.child(place).torch())


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
