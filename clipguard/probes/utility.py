"""What a model is good for, and what a stated trigger makes of it, from surveyed pairs.

All figures are samples of one value for each picture or caption, so that two models can be compared
item by item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clipguard.core.measurement import Change, Measurement
from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import Sample, bootstrap, difference, sample
from clipguard.measure.proportion import wilson
from clipguard.measure.retrieval import recalls
from clipguard.measure.zero_shot import accuracies
from clipguard.model.batching import Meter, embed_texts
from clipguard.model.seam import ClipModel
from clipguard.probes.classes import UNKNOWN, Classes, Labels
from clipguard.probes.survey import Survey
from clipguard.probes.vocabulary import PROMPT

FEWEST_TEXTS = 2


@dataclass(frozen=True)
class Sight:
    """How one model sees surveyed pairs.

    ``images`` and each of ``triggered`` are (M, D), one row for each distinct picture; ``words``
    (C, D) are the classes' texts, ``labels`` (M,) int64 the pictures' own classes, -1 unknown.
    """

    images: Tensor
    triggered: Mapping[str, Tensor]
    words: Tensor
    labels: Tensor

    def answers(self, trigger: str = "") -> Tensor:
        """(M,) int64: the class that is given first, by default without a trigger."""
        images = self.triggered[trigger] if trigger else self.images
        return (images @ self.words.T).argmax(dim=1)


def sight(model: ClipModel, found: Survey, place: int, classes: Classes) -> Sight:
    """How the model at ``place`` of a survey sees it; asks its text tower for the classes."""
    rows = torch.from_numpy(found.first)
    return Sight(
        images=found.clean[place][rows],
        triggered={name: views[place][rows] for name, views in found.triggered.items()},
        words=embed_texts(model, [PROMPT.format(name) for name in classes.names], Meter())
        if classes.names
        else torch.zeros(0, model.spec.embed_dim),
        labels=torch.from_numpy(classes.labels[found.first]),
    )


def zero_shot(seen: Sight) -> Mapping[str, Sample]:
    """Accuracy over the pictures whose class is known; empty when there are none or one class."""
    known = seen.labels != UNKNOWN
    if not known.any() or len(seen.words) < FEWEST_TEXTS:
        return {}
    return accuracies(seen.images[known] @ seen.words.T, seen.labels[known])


def retrieval(model: ClipModel, found: Survey, seen: Sight) -> Mapping[str, Sample]:
    """Recall over the pairs with a caption; empty when there are fewer than two captions."""
    told = [row for row, text in enumerate(found.texts) if text]
    captions = dict.fromkeys(found.texts[row] for row in told)
    if len(captions) < FEWEST_TEXTS:
        return {}
    places = {text: place for place, text in enumerate(captions)}
    # Pictures without a caption have no match and are left out.
    pictures, ours = np.unique(found.pictures[told], return_inverse=True)
    texts = embed_texts(model, list(captions), Meter())
    theirs = np.array([places[found.texts[row]] for row in told])
    return recalls(seen.images[torch.from_numpy(pictures)], texts, ours, theirs)


def shows(found: Survey, classes: Classes, target: str, answers: Tensor) -> Tensor:
    """(M,) bool: the pictures that are of the target by themselves, so that no attack is needed.

    Those of its class, and those one of whose captions names it. A picture with neither class nor
    caption counts when the model answers so without a trigger.

    Args:
        found: the pairs.
        classes: the target is one of them.
        target: the attacker's concept.
        answers: (M,) the model's own, without a trigger.
    """
    place = classes.index(target)
    label = Labels((target,))
    named, told = set(), set()
    for picture, text in zip(found.pictures.tolist(), found.texts, strict=True):
        if label.named(text):
            named.add(picture)
        if text:
            told.add(picture)
    labels = classes.labels[found.first]
    return torch.tensor(
        [
            own == place
            or picture in named
            or (own == UNKNOWN and picture not in told and answer == place)
            for picture, (own, answer) in enumerate(
                zip(labels.tolist(), answers.tolist(), strict=True)
            )
        ]
    )


def attack(seen: Sight, trigger: str, target: int, others: Tensor) -> Mapping[str, Sample]:
    """What a trigger does to the pictures that are not of the target.

    ``attack_success`` is the share answered with the target once the trigger is on them,
    ``base_rate`` the same without it. ``poisoned_accuracy`` is the share of those of known class
    that keep their true answer with the trigger on them.

    Args:
        seen: how the model sees them.
        trigger: name of the trigger in the survey.
        target: place of the target among the classes.
        others: (M,) bool, the pictures to look at.
    """
    triggered, clean = seen.answers(trigger), seen.answers()
    known = others & (seen.labels != UNKNOWN)
    return {
        "attack_success": sample((triggered[others] == target).numpy()),
        "base_rate": sample((clean[others] == target).numpy()),
        "poisoned_accuracy": sample((triggered[known] == seen.labels[known]).numpy()),
    }


def measured(name: str, given: Sample, seeds: Seeds, absent: str = "") -> Measurement:
    """A sample's mean: with Wilson's interval where it is a plain share, else by the bootstrap."""
    if not len(given):
        return Measurement(name=name, value=None, unit="fraction", n=0, absent=absent)
    if given.counted:
        interval = wilson(round(float(given.values.sum())), len(given))
    else:
        interval = bootstrap(given, seeds.child(name).numpy())
    return Measurement(
        name=name, value=given.mean, unit="fraction", n=len(given), interval=interval
    )


def changed(
    data: str, name: str, before: Sample, after: Sample, seeds: Seeds, absent: str = ""
) -> Change:
    """A figure of the delivered and the repaired model over the same items, paired."""
    moved = difference(before, after)
    own = seeds.child(data)
    return Change(
        data=data,
        name=name,
        before=measured(name, before, own, absent),
        after=measured(name, after, own, absent),
        difference=Measurement(
            name=name,
            value=moved.mean if len(moved) else None,
            unit="fraction",
            n=len(moved),
            interval=bootstrap(moved, own.child("difference", name).numpy())
            if len(moved)
            else None,
            absent=None if len(moved) else absent,
        ),
    )


def changes(
    data: str,
    before: Mapping[str, Sample],
    after: Mapping[str, Sample],
    seeds: Seeds,
    absent: Sequence[str] = (),
) -> tuple[Change, ...]:
    """All figures of two models by name."""
    reason = "; ".join(absent)
    return tuple(changed(data, name, before[name], after[name], seeds, reason) for name in before)
