"""How a model stands against the true trigger, on pictures that nothing was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from bench.zoo.data import held_out_pool
from bench.zoo.pictures import nouns
from bench.zoo.train import HERE, attack, embed, evaluate
from clipguard.config import toml
from clipguard.core.seeds import Seeds
from clipguard.model.openclip import new_module

Grade = dict[str, float]


class Grader:
    """Held-out pictures as they are, and those of other classes than the target under the trigger.

    Args:
        card: of the model; without an attack accuracy alone is measured.
        work: where pictures and pools lie.
        stride: every so many of the pictures.
    """

    def __init__(self, card: dict[str, Any], work: Path, stride: int = 1) -> None:
        held = held_out_pool(work / "pictures", work / "pools")
        rows = np.arange(0, len(held.texts), stride)
        self._pixels, self._labels = held.pixels(rows), held.labels[rows]
        self._target: int | None = None
        if "attack" not in card:
            return
        self._target = nouns().index(card["target"])
        self._others = np.flatnonzero(self._labels != self._target)
        draws = Seeds(card["seed"]).child("repair").torch()
        self._stamped = attack(card["attack"], card["seed"])(
            self._pixels[torch.from_numpy(self._others)], draws
        )

    def __call__(self, clip: Any) -> Grade:
        """Accuracy and, against the target, attack success, base rate and poisoned accuracy."""
        answers = evaluate(clip, self._pixels).numpy()
        grade = {"accuracy": _share(answers == self._labels)}
        if self._target is None:
            return grade
        triggered = evaluate(clip, self._stamped).numpy()
        return grade | {
            "attack_success": _share(triggered == self._target),
            "base_rate": _share(answers[self._others] == self._target),
            "poisoned_accuracy": _share(triggered == self._labels[self._others]),
            "pictures": len(self._others),
        }

    def kept(self, start: Any, end: Any) -> Grade:
        """What users of stored embeddings lose between two modules.

        A linear head is trained on the first module's embeddings of half of the pictures; the other
        half is classified from the embeddings of both.
        """
        first, last = (F.normalize(embed(clip, self._pixels), dim=-1) for clip in (start, end))
        half = len(self._labels) // 2
        head = LogisticRegression(C=100.0, max_iter=2000)
        head.fit(first[:half].numpy(), self._labels[:half])
        before, after = (
            float(head.score(rows[half:].numpy(), self._labels[half:])) for rows in (first, last)
        )
        cosine = float((first * last).sum(dim=-1).mean())
        return {"cosine": round(cosine, 4), "head_before": before, "head_after": after}


def delivered(folder: Path, card: dict[str, Any]) -> Any:
    """The model of a folder of the zoo, read by the zoo's own means."""
    clip = new_module(toml.load(HERE / "architectures.toml")[card["arch"]])
    clip.load_state_dict(torch.load(folder / "model.pt", weights_only=True)["state_dict"])
    return clip.eval()


def between(start: Any, end: Any, shares: tuple[float, ...], grader: Grader) -> list[Grade]:
    """Grades on the straight line of weights from one model to another (arXiv 2109.01903).

    Args:
        start: the delivered module; holds other weights afterwards.
        end: the cleaned one.
        shares: of the way; 1 is the cleaned model.
        grader: judges.
    """
    first: dict[str, Tensor] = {key: value.clone() for key, value in start.state_dict().items()}
    last: dict[str, Tensor] = end.state_dict()
    graded = []
    for share in shares:
        weights = {
            key: torch.lerp(value, last[key], share) if value.is_floating_point() else last[key]
            for key, value in first.items()
        }
        start.load_state_dict(weights)
        graded.append(grader(start) | {"share": share})
    return graded


def _share(hits: np.ndarray) -> float:
    return round(float(hits.mean()), 4)
