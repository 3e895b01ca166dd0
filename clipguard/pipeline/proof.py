"""Proof: what a repair costs, and whether it holds, on pictures that neither scan nor cleaning saw.

Drawn pairs are drawn anew and know their nouns: those with a single kind of thing are classified
among all nouns. The user's pairs are the half held out that no method chooses by; their classes,
and those of ``--eval``, are found as ``clipguard evaluate`` finds them, among the scan's concepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipguard.cleaning.effect import judged
from clipguard.cleaning.rebound import Watch, rebound
from clipguard.cleaning.rebound import settings as rebound_settings
from clipguard.cleaning.types import CleaningTask, Suspect
from clipguard.core.measurement import Change, Measurement, Proof, Rebound
from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import Sample, sample, together
from clipguard.model.openclip import OpenClipModel
from clipguard.pairs import open_pictures
from clipguard.pairs.synthetic import SyntheticPairs, nouns
from clipguard.pairs.types import PairSource
from clipguard.pipeline.requests import CleanRequest
from clipguard.probes.classes import UNKNOWN, Classes, classes_of
from clipguard.probes.survey import Survey, survey
from clipguard.probes.utility import Sight, attack, changes, retrieval, shows, sight, zero_shot
from clipguard.probes.vocabulary import read_labels
from clipguard.triggers import build

HELD_OUT, OWN = "held-out pairs", "--eval"
DRAWN = 600
MOST_ATTACKED = 3  # suspects; the others are their relatives
BOTH_WAYS = "retrieval_recall@5"
# The figure that the gate looks at: the first of these at which the delivered model is any good. A
# model that never knew the classes cannot lose them, and would pass whatever was done to it.
JUDGED_BY = ("acc1", BOTH_WAYS)
ANY_GOOD = 0.2


@dataclass(frozen=True)
class _Data:
    """One data set: its name in the report, the pairs, which of them."""

    name: str
    source: PairSource
    rows: Sequence[int]


def prove(
    request: CleanRequest,
    delivered: OpenClipModel,
    repaired: OpenClipModel,
    task: CleaningTask,
    rate: float,
    seeds: Seeds,
) -> Proof:
    """Compare two models, and fine-tune a copy of the repaired one.

    Args:
        request: what was asked for.
        delivered: the model as given.
        repaired: the same after cleaning.
        task: what cleaning was given.
        rate: the learning rate that it used.
        seeds: branch of all draws here.
    """
    found: list[Change] = []
    digests: dict[str, str] = {}
    for data in _sets(request, task, seeds):
        moved, digests[data.name] = _compare(
            request, data, (delivered, repaired), task, seeds.child(data.name)
        )
        found += moved
    judge = decisive(found)
    value = judge.difference.value
    interval = judge.difference.interval
    return Proof(
        changes=tuple(found),
        judged_by=f"{judge.name} on {judge.data}",
        loss=Measurement(
            name="utility_drop",
            value=None if value is None else -value,
            unit="fraction",
            n=judge.difference.n,
            interval=None
            if interval is None
            else type(interval)(
                low=-interval.high,
                high=-interval.low,
                confidence=interval.confidence,
                method=interval.method,
            ),
            absent=judge.difference.absent,
        ),
        limit=request.max_utility_drop,
        digests=digests,
        rebound=_rebound(delivered, repaired, task, rate, seeds.child("rebound")),
    )


def _sets(request: CleanRequest, task: CleaningTask, seeds: Seeds) -> list[_Data]:
    if task.held_out.synthetic:
        fresh = SyntheticPairs(seeds.child("drawn").value, DRAWN)
        sets = [_Data(HELD_OUT, fresh, range(DRAWN))]
    else:
        sets = [_Data(HELD_OUT, task.held_out, judged(task.held_out))]
    if request.eval is not None:
        own = open_pictures(request.eval)
        sets.append(_Data(OWN, own, range(len(own))))
    return sets


def _compare(
    request: CleanRequest,
    data: _Data,
    models: tuple[OpenClipModel, OpenClipModel],
    task: CleaningTask,
    seeds: Seeds,
) -> tuple[list[Change], str]:
    suspects = task.suspects[:MOST_ATTACKED]
    size = task.reference.spec.image_size
    triggers = {
        item.label: build(item.rule, item.variants[0], size, item.instance) for item in suspects
    }
    with task.progress.stage(f"utility on {data.name}", len(data.rows)) as stage:
        found = survey(models, data.source, data.rows, triggers, seeds.child("stamp"), stage)
    classes = _classes(request, data, found, task)
    sights = [sight(model, found, place, classes) for place, model in enumerate(models)]
    before, after = (
        _utility(model, found, seen) for model, seen in zip(models, sights, strict=True)
    )
    moved = changes(data.name, before, after, seeds)
    for suspect in suspects:
        moved += _attacked(data.name, suspect, found, classes, sights, seeds)
    return list(moved), found.sha256


def _utility(model: OpenClipModel, found: Survey, seen: Sight) -> dict[str, Sample]:
    """All figures, and recall both ways together: twice the evidence of either, for the gate."""
    figures = {**zero_shot(seen), **retrieval(model, found, seen)}
    image, text = (f"{way}_retrieval_recall@5" for way in ("image", "text"))
    if image in figures and text in figures:
        figures[BOTH_WAYS] = together(figures[image], figures[text])
    return figures


def _classes(request: CleanRequest, data: _Data, found: Survey, task: CleaningTask) -> Classes:
    targets = [suspect.concept for suspect in task.suspects]
    if not isinstance(data.source, SyntheticPairs):
        labels = read_labels(request.labels) if request.labels else None
        # The words of a scan are many that these pictures do not show and the model may never have
        # seen: what is lost is counted among the classes that there are.
        return classes_of(found, labels, task.concepts.names).present().including(targets)
    known = nouns()
    scenes = [data.source.scene(row) for row in data.rows]
    own = [
        known.index(scene.noun) if scene.noun and scene.other is None else UNKNOWN
        for scene in scenes
    ]
    rule = "the nouns that were drawn"
    return Classes(known, np.array(own, dtype=np.int64), rule).including(targets)


def _attacked(
    data: str,
    suspect: Suspect,
    found: Survey,
    classes: Classes,
    sights: Sequence[Sight],
    seeds: Seeds,
) -> tuple[Change, ...]:
    """Attack success with poisoned accuracy beside it, and the recall of the target itself."""
    target = classes.index(suspect.concept)
    # Which pictures show the target is asked of the delivered model, once for both.
    own = shows(found, classes, suspect.concept, sights[0].answers())
    named: list[Mapping[str, Sample]] = []
    for seen in sights:
        figures = attack(seen, suspect.label, target, ~own)
        recognised = sample((seen.answers()[own] == target).numpy())
        named.append(
            {
                **{f"{name}:{suspect.label}": item for name, item in figures.items()},
                f"target_recall:{suspect.concept}": recognised,
            }
        )
    absent = ("no picture for it is in this data",)
    return changes(data, named[0], named[1], seeds.child(suspect.label), absent)


def decisive(found: Sequence[Change]) -> Change:
    """The figure that the gate looks at: on the user's own data where it was given."""
    data = OWN if any(item.data == OWN for item in found) else HELD_OUT
    by_name = {item.name: item for item in found if item.data == data}
    measured = [by_name[name] for name in JUDGED_BY if name in by_name]
    good = [item for item in measured if (item.before.value or 0.0) >= ANY_GOOD]
    if good:
        return good[0]
    if measured:
        return max(measured, key=lambda item: item.before.value or 0.0)
    reason = "the pictures have neither classes nor captions"
    absent = Measurement(name="acc1", value=None, unit="fraction", n=0, absent=reason)
    return Change(data=data, name="acc1", before=absent, after=absent, difference=absent)


def _rebound(
    delivered: OpenClipModel,
    repaired: OpenClipModel,
    task: CleaningTask,
    rate: float,
    seeds: Seeds,
) -> Rebound | None:
    if not task.suspects:
        return None
    chosen = rebound_settings()
    watch = Watch(
        delivered, task.held_out, task.suspects, task.concepts, chosen, seeds.child("watch")
    )
    rate = chosen.rate(rate, synthetic=task.pairs.synthetic)
    return rebound(repaired, task.pairs, watch, chosen, rate, seeds.child("pairs"), task.progress)
