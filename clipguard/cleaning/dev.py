"""How a half-cleaned model stands, on draws and pictures that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.cleaning.audit import Audit, View
from clipguard.cleaning.effect import development
from clipguard.cleaning.guides import trials
from clipguard.cleaning.options import GuidedSettings
from clipguard.cleaning.pool import climb_of
from clipguard.cleaning.types import CleaningTask
from clipguard.core.errors import InputError
from clipguard.measure.alignment import mean_distance
from clipguard.model.batching import Meter, embed_images, embed_texts
from clipguard.model.seam import ClipModel
from clipguard.pairs.types import PairBatch

RECALL = 5


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Shares are 0..1.

    ``success`` is the worst attack success of what fired and ``worst`` the suspect that has it.
    ``inverted`` is what inversion reaches toward the worst of the audited concepts beyond what it
    reaches toward others in the delivered model; may be negative. ``utility`` is the share of
    pictures whose caption is among the 5 nearest, ``agreement`` the share of clean pictures that
    keep the delivered model's answer, ``drift`` their mean squared L2 drift. ``lost`` is by how
    much utility fell below the delivered model's, less one standard error of the paired
    difference, >= 0.
    """

    success: float
    worst: str
    inverted: float
    utility: float
    lost: float
    agreement: float
    drift: float

    def __str__(self) -> str:
        replayed = f"attack success {self.success:.3f} at worst ({self.worst}), "
        return (
            f"{replayed if self.worst else ''}inverted triggers {self.inverted:+.3f} beyond the "
            f"control, utility {self.utility:.3f}, clean pictures keep {self.agreement:.3f} of "
            f"their answers and drift by {self.drift:.4f}"
        )


class Dev:
    """The development half of the held-out pairs, with the delivered model's view of it.

    Args:
        task: the cleaning.
        settings: how much to look at.

    Raises:
        InputError: fewer than two held-out pairs.
    """

    def __init__(self, task: CleaningTask, settings: GuidedSettings) -> None:
        rows = development(task.held_out)[: settings.dev_pictures]
        if len(rows) < 2:
            raise InputError(
                "clean.few_pairs",
                "too few pairs are held out",
                where=task.held_out.id,
                remedy="give more pairs with --data, or use --synthetic",
            )
        self._task, self._variants = task, settings.dev_variants
        pairs = task.held_out.read(rows, task.reference.spec.image_size)
        words = embed_texts(task.reference, task.concepts.texts, Meter())
        self._view = View.of(task.reference, pairs.pixels, words)
        more = development(task.held_out)[: settings.utility_pictures]
        self._matched = task.held_out.read(more, task.reference.spec.image_size)
        self._captions = _captions(task.reference, self._matched)
        self._hits = self._matching(task.reference)
        climb = climb_of(settings.inversion)
        self._audit = Audit(self._view, settings.audit, climb, task.seeds.child("dev", "audit"))
        self.audited = self._suspected() or self._audit.found(task.reference)
        self._base = self._audit.base(task.reference, self.audited)

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts that the audit watches: the suspected ones, else those it found itself."""
        return tuple(self._task.concepts.names[index] for index in self.audited)

    @property
    def words(self) -> Tensor:
        """(C, D) embeddings of the vocabulary."""
        return self._view.words

    def strayed(self) -> float:
        """The most that a small untargeted window sends to one concept, as delivered (0..1)."""
        return self._audit.strayed(self._task.reference)

    def stand(self, model: ClipModel) -> Standing:
        """Judge a model whose text tower is the delivered one."""
        clean = embed_images(model, self._view.pixels, Meter())
        success, worst = max(self._successes(model))
        reached = max((self._audit.reach(model, index) for index in self.audited), default=0.0)
        agreement = float((self._answer(clean) == self._view.answers).float().mean())
        hits = self._matching(model)
        fallen = self._hits - hits
        return Standing(
            success=success,
            worst=worst,
            inverted=reached - self._base,
            utility=float(hits.mean()),
            lost=max(float(fallen.mean() - fallen.std(correction=0) / len(fallen) ** 0.5), 0.0),
            agreement=agreement,
            drift=mean_distance(clean, self._view.home),
        )

    def _matching(self, model: ClipModel) -> Tensor:
        return matches(embed_images(model, self._matched.pixels, Meter()), *self._captions)

    def _suspected(self) -> tuple[int, ...]:
        names = dict.fromkeys(suspect.concept for suspect in self._task.suspects)
        return tuple(self._task.concepts.names.index(name) for name in names)

    def _successes(self, model: ClipModel) -> list[tuple[float, str]]:
        found = [(0.0, "")]
        for suspect in self._task.suspects:
            target = self._task.concepts.names.index(suspect.concept)
            others = self._view.answers != target
            if not others.any():
                continue
            seeds = self._task.seeds.child("dev")
            for stamped in trials(suspect, self._view.pixels[others], self._variants, seeds):
                answers = self._answer(embed_images(model, stamped, Meter()))
                found.append((float((answers == target).float().mean()), suspect.label))
        return found

    def _answer(self, images: Tensor) -> Tensor:
        return (images @ self._view.words.T).argmax(dim=1)


def matches(images: Tensor, texts: Tensor, own: Tensor) -> Tensor:
    """(N,) 1.0 for pictures (N, D) with their own caption among the 5 nearest of ``texts`` (M, D).

    ``own`` (N,) says which caption is whose.
    """
    nearest = (images @ texts.T).topk(min(RECALL, len(texts)), dim=1).indices
    return (nearest == own.unsqueeze(1)).any(dim=1).float()


def _captions(reference: ClipModel, pairs: PairBatch) -> tuple[Tensor, Tensor]:
    """Every caption once, embedded, and which of them is whose."""
    distinct = list(dict.fromkeys(pairs.texts))
    own = torch.tensor([distinct.index(text) for text in pairs.texts])
    return embed_texts(reference, distinct, Meter()), own
