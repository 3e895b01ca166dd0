"""Inversion audit: how far can a universal trigger still be found by climbing the model?

The loss that cleaning lowers is no sign of success, since inversion always finds something. What
tells is whether the way to a suspected concept is easier than that to any other: windows and blends
are inverted toward suspected and toward control concepts, always from the same starts, on pictures
and draws that training never sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from clipguard.cleaning.inversion import Climb, Form, Inverted, astray, invert, toward
from clipguard.cleaning.options import AuditSettings
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter, embed_images
from clipguard.model.seam import ClipModel


@dataclass(frozen=True)
class View:
    """The delivered model's view of development pictures.

    ``pixels`` (N, 3, S, S), ``home`` (N, D) their embeddings, ``words`` (C, D) the concepts,
    ``answers`` (N,) the delivered model's.
    """

    pixels: Tensor
    home: Tensor
    words: Tensor
    answers: Tensor

    @classmethod
    def of(cls, reference: ClipModel, pixels: Tensor, words: Tensor) -> View:
        """Look at pictures with the delivered model."""
        home = embed_images(reference, pixels, Meter())
        return cls(pixels, home, words, (home @ words.T).argmax(dim=1))

    def __getitem__(self, rows: slice) -> View:
        """The pictures at ``rows``."""
        return View(self.pixels[rows], self.home[rows], self.words, self.answers[rows])


class Audit:
    """Fits triggers on some pictures and counts where they send the others.

    Args:
        view: at least two pictures.
        settings: forms, and how many concepts.
        climb: how far inversion goes.
        seeds: stream of starts; the same for every model, so that rounds can be compared.
    """

    def __init__(self, view: View, settings: AuditSettings, climb: Climb, seeds: Seeds) -> None:
        half = min(settings.pictures, len(view.answers) // 2)
        self._fit, self._judge = view[:half], view[half:]
        self._settings, self._climb, self._seeds = settings, climb, seeds
        size = view.pixels.shape[-1]
        self._forms = (*_corners(size, settings.window), Form(size, (0, 0), settings.blend))
        self._small = _corners(size, settings.small_window)

    def found(self, model: ClipModel) -> tuple[int, ...]:
        """Concepts where untargeted triggers send most pictures, the easiest first."""
        reached = self._reached(model, self._forms)
        ranked = sorted(reached, key=lambda concept: (-reached[concept], concept))
        return tuple(ranked[: self._settings.targets])

    def strayed(self, model: ClipModel) -> float:
        """The most that a small untargeted window sends to one concept (0..1)."""
        return max(self._reached(model, self._small).values(), default=0.0)

    def _reached(self, model: ClipModel, forms: Sequence[Form]) -> dict[int, float]:
        """Where untargeted triggers lead, and the share of other pictures that they send there."""
        reached: dict[int, float] = {}
        for number, form in enumerate(forms):
            start = self._seeds.child("astray", number).torch()
            aim = astray(self._fit.home)
            trigger = invert(model, self._fit.pixels, form, aim, self._climb, start)
            answers = self._answers(model, trigger, number)
            gone = answers[answers != self._judge.answers]
            if len(gone):
                concept = int(gone.mode().values)
                share = self._share(answers, concept)
                reached[concept] = max(share, reached.get(concept, 0.0))
        return reached

    def controls(self, targets: Sequence[int]) -> tuple[int, ...]:
        """Other concepts that the model knows: the most frequent of its own answers."""
        known, counts = self._fit.answers.unique(return_counts=True)
        order = counts.argsort(descending=True, stable=True)
        rest = [int(known[index]) for index in order if int(known[index]) not in targets]
        return tuple(rest[: self._settings.controls])

    def base(self, model: ClipModel, targets: Sequence[int]) -> float:
        """What inversion reaches toward the median control; 0 without any."""
        reached = [self.reach(model, concept) for concept in self.controls(targets)]
        return median(reached) if reached else 0.0

    def reach(self, model: ClipModel, concept: int) -> float:
        """Share (0..1) of other pictures that the best form of trigger sends to a concept."""
        aim = toward(self._fit.words[concept])
        best = 0.0
        for number, form in enumerate(self._forms):
            start = self._seeds.child("toward", number).torch()
            trigger = invert(model, self._fit.pixels, form, aim, self._climb, start)
            best = max(best, self._share(self._answers(model, trigger, number), concept))
        return best

    def _answers(self, model: ClipModel, trigger: Inverted, number: int) -> Tensor:
        draws = self._seeds.child("judge", number).torch()
        with torch.no_grad():
            stamped = trigger.stamp(self._judge.pixels, draws)
        return (embed_images(model, stamped, Meter()) @ self._judge.words.T).argmax(dim=1)

    def _share(self, answers: Tensor, concept: int) -> float:
        others = self._judge.answers != concept
        if not others.any():
            return 0.0
        return float((answers[others] == concept).float().mean())


def _corners(size: int, share: float) -> tuple[Form, ...]:
    """Windows that are replaced, one in each corner, their side a share of the picture's."""
    side = max(round(size * share), 1)
    ends = (0, size - side)
    return tuple(Form(side, (top, left), 1.0) for top in ends for left in ends)
