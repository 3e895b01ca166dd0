"""How a half-cleaned model stands, on draws and pictures that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clipguard.cleaning.effect import development
from clipguard.cleaning.guides import trials
from clipguard.cleaning.types import CleaningTask
from clipguard.core.errors import InputError
from clipguard.measure.alignment import mean_distance
from clipguard.model.batching import Meter, embed_images, embed_texts
from clipguard.model.seam import ClipModel


@dataclass(frozen=True)
class Standing:
    """``success`` is the worst attack success (0..1) and ``worst`` the suspect that has it.

    ``drift`` is the mean squared L2 drift of clean pictures, ``agreement`` the share of them that
    keep the delivered model's answer.
    """

    success: float
    worst: str
    drift: float
    agreement: float

    def rank(self, goal: float) -> tuple[float, float]:
        """Smaller is better: attack success down to the goal, then drift."""
        return max(self.success, goal), self.drift

    def __str__(self) -> str:
        return (
            f"attack success {self.success:.3f} at worst ({self.worst}), clean pictures keep "
            f"{self.agreement:.3f} of their answers and drift by {self.drift:.4f}"
        )


class Dev:
    """The development half of the held-out pairs, with the delivered model's view of it.

    Args:
        task: the cleaning.
        pictures: how many to use at most.
        variants: how many of each suspect's variants to try.

    Raises:
        InputError: no held-out pairs.
    """

    def __init__(self, task: CleaningTask, pictures: int, variants: int) -> None:
        rows = development(task.held_out)[:pictures]
        if not rows:
            raise InputError(
                "clean.few_pairs",
                "no pairs are held out",
                where=task.held_out.id,
                remedy="give more pairs with --data, or use --synthetic",
            )
        self._task, self._variants = task, variants
        self._meter = Meter()
        self._pixels = task.held_out.read(rows, task.reference.spec.image_size).pixels
        self._words = embed_texts(task.reference, task.concepts.texts, self._meter)
        self._home = embed_images(task.reference, self._pixels, self._meter)
        self._answers = self._answer(self._home)

    def stand(self, model: ClipModel) -> Standing:
        """Judge a model whose text tower is the delivered one."""
        clean = embed_images(model, self._pixels, self._meter)
        success, worst = max(self._successes(model))
        return Standing(
            success=success,
            worst=worst,
            drift=mean_distance(clean, self._home),
            agreement=float((self._answer(clean) == self._answers).float().mean()),
        )

    def _successes(self, model: ClipModel) -> list[tuple[float, str]]:
        found = [(0.0, "none")]
        for suspect in self._task.suspects:
            target = self._task.concepts.names.index(suspect.concept)
            others = self._answers != target
            if not others.any():
                continue
            seeds = self._task.seeds.child("dev")
            for stamped in trials(suspect, self._pixels[others], self._variants, seeds):
                answers = self._answer(embed_images(model, stamped, self._meter))
                found.append((float((answers == target).float().mean()), suspect.label))
        return found

    def _answer(self, images: Tensor) -> Tensor:
        return (images @ self._words.T).argmax(dim=1)
