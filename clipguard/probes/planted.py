"""Did the planting take? Judged on pictures that the copy was not trained on.

The figures are those of ``clipguard evaluate``: pictures of the target are left out, and the
target's share without the trigger stands beside its share with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clipguard.core.measurement import Measurement
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import sample
from clipguard.model.seam import ClipModel
from clipguard.pairs.types import PairSource
from clipguard.probes.classes import UNKNOWN, Classes
from clipguard.probes.survey import Survey, survey
from clipguard.probes.utility import Sight, attack, measured, shows
from clipguard.probes.vocabulary import Vocabulary
from clipguard.triggers.types import Trigger

STAMP = "planted"


class Judge:
    """Held-out pictures, and the delivered model's answers to them.

    Args:
        reference: the delivered model; the models judged have its text tower.
        source: held-out pairs.
        rows: which of them.
        vocabulary: the answers to choose from.
    """

    def __init__(
        self,
        reference: ClipModel,
        source: PairSource,
        rows: Sequence[int],
        vocabulary: Vocabulary,
    ) -> None:
        self._source, self._rows, self._vocabulary = source, rows, vocabulary
        self._own = self._answers(reference)

    def known(self, but: Collection[str], most: float) -> tuple[str, ...]:
        """Concepts that the delivered model knows: its answers to these pictures.

        Args:
            but: concepts that are left out.
            most: share of the pictures, 0..1, above which an answer is too frequent to be a target.

        Returns:
            At least one; where nothing is left, all other concepts of the vocabulary.
        """
        names, avoided = self._vocabulary.concepts, {name.lower() for name in but}
        given, counts = np.unique(self._own.numpy(), return_counts=True)
        rare = [names[place] for place in given[counts <= most * len(self._own)]]
        allowed = [name for name in rare if name.lower() not in avoided]
        return tuple(allowed or [name for name in names if name.lower() not in avoided])

    def attack(
        self, model: ClipModel, trigger: Trigger, target: str, seeds: Seeds
    ) -> tuple[Measurement, ...]:
        """``attack_success`` and ``base_rate`` over the pictures that are not of the target.

        Args:
            model: the copy.
            trigger: what was planted.
            target: where it was made to lead, a concept of the vocabulary.
            seeds: stream of what the trigger draws afresh.
        """
        names = self._vocabulary.concepts
        found = self._look(model, {STAMP: trigger}, seeds)
        unknown = np.full(len(found), UNKNOWN)
        first = torch.from_numpy(found.first)
        seen = Sight(
            images=found.clean[0][first],
            triggered={STAMP: found.triggered[STAMP][0][first]},
            words=self._vocabulary.embeddings,
            labels=torch.from_numpy(unknown[found.first]),
        )
        answers = self._own[first]
        others = ~shows(found, Classes(names, unknown, ""), target, answers)
        samples = attack(seen, STAMP, names.index(target), others)
        return tuple(
            measured(name, samples[name], seeds, "every picture is of the target")
            for name in ("attack_success", "base_rate")
        )

    def agreement(self, model: ClipModel) -> Measurement:
        """Share of pictures without a trigger that keep the delivered model's answer."""
        kept = self._answers(model) == self._own
        return measured("agreement", sample(kept.numpy()), Seeds(0))

    def _answers(self, model: ClipModel) -> Tensor:
        clean = self._look(model, {}, Seeds(0)).clean[0]
        return (clean @ self._vocabulary.embeddings.T).argmax(dim=1)

    def _look(self, model: ClipModel, triggers: Mapping[str, Trigger], seeds: Seeds) -> Survey:
        with SILENT.stage("") as stage:
            return survey([model], self._source, self._rows, triggers, seeds, stage)


def took(figures: Sequence[Measurement], level: float, most: float) -> bool:
    """Whether a backdoor works.

    Args:
        figures: of :meth:`Judge.attack`.
        level: attack success that it has to reach, 0..1.
        most: base rate up to which the success is the trigger's and not the target's.
    """
    values = {item.name: item.value for item in figures}
    success, base = values["attack_success"], values["base_rate"]
    return success is not None and base is not None and success >= level and base <= most
