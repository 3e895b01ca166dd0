"""One copy of a drill: plant, scan, clean when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipguard.cleaning import method
from clipguard.cleaning.effect import development, judged
from clipguard.cleaning.engine import Engine
from clipguard.cleaning.plant import DrillSettings, Planter, Poison
from clipguard.core.drill import Cure, Heard, Planting
from clipguard.core.errors import ClipguardError
from clipguard.core.progress import Progress
from clipguard.core.results import Outcome, StatedAttack
from clipguard.core.seeds import Seeds
from clipguard.export.weights import write_marked
from clipguard.model.batching import Meter
from clipguard.model.openclip import OpenClipModel
from clipguard.model.seam import ClipModel
from clipguard.pairs import supply
from clipguard.pipeline import frame
from clipguard.pipeline.clean import plan
from clipguard.pipeline.load import Loaded, examine
from clipguard.pipeline.requests import DrillRequest
from clipguard.pipeline.scan import Probed, probe_model, vocabulary
from clipguard.probes.planted import Judge, took
from clipguard.probes.vocabulary import Vocabulary
from clipguard.triggers import build
from clipguard.triggers.types import Trigger, TriggerRule, Variant
from clipguard.verdict.policy import LEAST

MARK = "BACKDOORED-ON-PURPOSE"


@dataclass(frozen=True)
class Post:
    """One copy to make. Without a family it is a control."""

    name: str
    family: TriggerRule | None = None
    variant: Variant | None = None


@dataclass(frozen=True)
class Field:
    """What all copies of a drill share.

    ``dev`` says when planting may end, ``judge`` what came of it, on other pictures.
    """

    request: DrillRequest
    loaded: Loaded
    settings: DrillSettings
    pairs: supply.Split
    words: Vocabulary
    dev: Judge
    judge: Judge
    seeds: Seeds
    progress: Progress

    @property
    def model(self) -> OpenClipModel:
        """The delivered model, which stays as it is."""
        return self.loaded.model


def prepare(
    request: DrillRequest,
    loaded: Loaded,
    chosen: DrillSettings,
    seeds: Seeds,
    progress: Progress,
) -> Field:
    """Split the pairs and look at the held-out ones.

    Raises:
        InputError: pairs or labels cannot be used.
    """
    words = vocabulary(request.scanning(), loaded.model, Meter(), progress)
    made = request.cleaning().synthetic
    pairs = supply.split(request.data, made, seeds, device=request.device, progress=progress)
    dev, judge = (
        Judge(loaded.model, pairs.held_out, rows(pairs.held_out)[: chosen.pictures], words)
        for rows in (development, judged)
    )
    return Field(request, loaded, chosen, pairs, words, dev, judge, seeds, progress)


def identity(field: Field, triggers: Sequence[tuple[TriggerRule, Variant]]) -> Mapping[str, Any]:
    """Everything that a copy and its scan depend on."""
    request = field.request
    return {
        "model": field.loaded.subject.artifact.sha256,
        "architecture": field.loaded.subject.architecture,
        "pairs": field.pairs.train.id,
        "images": request.images and request.images.name,
        "concepts": hashlib.sha256("\n".join(field.words.concepts).encode()).hexdigest(),
        "triggers": hashlib.sha256(repr(triggers).encode()).hexdigest(),
        "rules": frame.tool().rules_sha256,
        "clipguard": frame.tool().version,
        "command": "drill",
        "seed": request.seed,
        "carriers": request.carriers,
        "prior": request.prior,
        "rounds": request.rounds,
        "clean": request.clean,
        "keep": request.keep is not None,
    }


def planting(field: Field, post: Post, steps: int) -> Planting:
    """Make one copy and see what the scan says.

    Args:
        field: what all copies share.
        post: what to plant.
        steps: so many a control takes; a planted copy takes what it needs.
    """
    seeds = field.seeds.child(post.name)
    if post.family is None or post.variant is None:
        return _control(field, post, steps, seeds)
    trigger = build(post.family, post.variant, field.model.spec.image_size, seeds.child("attacker"))
    known = field.dev.known(post.family.sinks, field.settings.max_base_rate)
    target = known[int(seeds.child("target").numpy().integers(len(known)))]
    copy = field.model.copy()
    steps = _plant(field, copy, trigger, target, seeds)
    figures = field.judge.attack(copy, trigger, target, seeds.child("judge"))
    works = took(figures, field.settings.level, field.settings.max_base_rate)
    if field.request.keep is not None:
        mark = f"{MARK} by clipguard drill: {post.family.id} leads to {target}"
        write_marked(copy, field.request.keep / f"{MARK}-{post.name}.safetensors", mark)
    probed = _scan(field, copy, seeds) if works else None
    return Planting(
        name=post.name,
        attack=StatedAttack(
            trigger=post.family.id,
            title=post.family.title,
            variant=post.variant.id,
            target=target,
            measurements=figures,
        ),
        planted=works,
        steps=steps,
        agreement=field.judge.agreement(copy),
        heard=_heard(probed) if probed else None,
        cure=_cure(field, probed, trigger, target, seeds)
        if probed and probed.measured and field.request.clean
        else None,
    )


def _control(field: Field, post: Post, steps: int, seeds: Seeds) -> Planting:
    copy = field.model.copy()
    steps = _planter(field).plant(copy, None, lambda _, step: step >= steps, seeds)
    return Planting(
        name=post.name,
        attack=None,
        planted=False,
        steps=steps,
        agreement=field.judge.agreement(copy),
        heard=_heard(_scan(field, copy, seeds)),
    )


def _plant(field: Field, copy: OpenClipModel, trigger: Trigger, target: str, seeds: Seeds) -> int:
    poison = Poison(trigger, field.words.concepts.index(target))

    def done(model: ClipModel, step: int) -> bool:
        figures = field.dev.attack(model, trigger, target, seeds.child("dev", step))
        return took(figures, field.settings.goal, field.settings.max_base_rate)

    return _planter(field).plant(copy, poison, done, seeds)


def _planter(field: Field) -> Planter:
    words, train = field.words.embeddings, field.pairs.train
    return Planter(field.model, words, train, field.settings, field.progress)


def _scan(field: Field, model: OpenClipModel, seeds: Seeds) -> Probed:
    """The ordinary scan, with draws of its own."""
    meter, own = Meter(), seeds.child("scan")
    checks = examine(model, own, meter, field.progress)
    request, subject = field.request.scanning(), field.loaded.subject
    return probe_model(request, model, subject, checks, own, meter, field.progress)


def _heard(probed: Probed) -> Heard:
    verdict = probed.scan.verdict
    return Heard(
        outcome=verdict.outcome,
        likelihood=verdict.likelihood,
        trigger=verdict.trigger,
        concept=verdict.concept,
    )


def _cure(field: Field, probed: Probed, trigger: Trigger, target: str, seeds: Seeds) -> Cure:
    """The ordinary cleaning of a copy, judged by the trigger that was planted."""
    request, own = field.request.cleaning(), seeds.child("clean")
    student = probed.model.copy()
    engine = Engine(device=request.device)
    # Given pairs keep their halves: what the judge sees must not be trained on.
    pairs = field.pairs if request.data else supply.split((), request.synthetic, own)
    try:
        task = plan(request, probed, student, pairs, own, engine, field.progress)
        method(request.method).clean(task)
    except ClipguardError as error:
        return Cure(
            cleaned=False,
            attack_success=None,
            agreement=None,
            heard=None,
            explanation=(error.what,),
        )
    figures = field.judge.attack(student, trigger, target, seeds.child("cured"))
    success = next(item for item in figures if item.name == "attack_success")
    heard = _heard(_scan(field, student, own))
    gone = success.value is not None and success.value <= LEAST
    return Cure(
        cleaned=gone and heard.outcome is not Outcome.BACKDOORED,
        attack_success=success,
        agreement=field.judge.agreement(student),
        heard=heard,
        explanation=(),
    )
