"""Drill: plant known backdoors in copies of a model and see whether the scan finds them.

Copies live in memory alone and are gone when the next one is made, unless they are to be kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from clipguard.cleaning.journal import IDENTITY, Journal, beside, discard, require_none
from clipguard.cleaning.plant import DrillSettings, settings
from clipguard.core import atomic, schema
from clipguard.core.drill import Drill, Planting
from clipguard.core.errors import RefusedError
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Outcome, Result, Scan
from clipguard.core.seeds import Seeds
from clipguard.measure.power import accused_controls, power
from clipguard.model.batching import Meter
from clipguard.pipeline import frame
from clipguard.pipeline.copies import Field, Post, identity, planting, prepare
from clipguard.pipeline.evaluate import stated_trigger
from clipguard.pipeline.load import Loaded, load
from clipguard.pipeline.requests import DrillRequest
from clipguard.pipeline.scan import probe_model
from clipguard.triggers.types import TriggerRule, Variant

RESULT = "result.json"
Clock = Callable[[], float]


@dataclass(frozen=True)
class Done:
    """What there is so far: the copies made, and the posts that the budget left undone."""

    plantings: tuple[Planting, ...]
    missed: tuple[str, ...]


def drill(
    request: DrillRequest, progress: Progress = SILENT, clock: Clock = time.monotonic
) -> Result:
    """Measure the power of the scan on one model.

    ``request.output`` receives ``result.json``. What is finished lies in ``OUTPUT.state`` until
    nothing is left to do.

    Raises:
        ClipguardError: the model could not be read or is no fit subject, a trigger is not known, or
            nothing could be written.
    """
    begun, state = clock(), beside(request.output)
    _require_fresh(request, state)
    chosen = settings()
    triggers = _triggers(request, chosen)
    posts = schedule(triggers, request.rounds)
    seeds = Seeds(request.seed).child("drill")
    loaded = load(
        request.model,
        request.arch,
        device=request.device,
        seeds=seeds.child("scan"),
        meter=Meter(),
        progress=progress,
    )
    field = prepare(request, loaded, chosen, seeds, progress)
    journal = Journal(state, identity(field, triggers))
    delivered = _delivered(field, loaded, journal)
    done = _work(field, posts, journal, lambda: _over(request, clock() - begun))
    record = _record(field, triggers, done)
    result = frame.result("drill", request, Exit.PASS, delivered=delivered, drill=record)
    result = replace(result, complete=not done.missed)
    with atomic.explained(request.output):
        request.output.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(request.output / RESULT, schema.dumps(result))
    if not done.missed:
        discard(state)
    return result


def schedule(triggers: Sequence[tuple[TriggerRule, Variant]], rounds: int) -> tuple[Post, ...]:
    """What to plant, in order: every round all triggers, and a control behind the first of them."""
    posts = []
    for number in range(1, rounds + 1):
        row = [Post(f"{family.id}-{number}", family, variant) for family, variant in triggers]
        posts += [row[0], Post(f"control-{number}"), *row[1:]]
    return tuple(posts)


def _work(field: Field, posts: Sequence[Post], journal: Journal, over: Callable[[], bool]) -> Done:
    """Do what is not kept already, until the budget is spent."""
    plantings: list[Planting] = []
    for place, post in enumerate(posts):
        if journal.read(post.name) is None and over():
            missed = tuple(item.name for item in posts[place:])
            field.progress.say(f"the budget is spent; not reached: {', '.join(missed)}")
            return Done(tuple(plantings), missed)
        steps = plantings[-1].steps if plantings else 0
        plantings.append(_kept(field, post, steps, journal))
        field.progress.say(f"{place + 1} of {len(posts)}: {told(plantings[-1])}")
    return Done(tuple(plantings), ())


def _kept(field: Field, post: Post, steps: int, journal: Journal) -> Planting:
    found = journal.once(post.name, lambda: msgspec.to_builtins(planting(field, post, steps)))
    return msgspec.convert(found, Planting)


def told(item: Planting) -> str:
    """One copy in a sentence."""
    if item.attack is None:
        subject = f"{item.name}, {item.steps} steps without poison"
    else:
        subject = f"{item.attack.trigger} -> {item.attack.target}, {item.steps} steps"
    if item.heard is None:
        return f"{subject}: the backdoor does not work, so it counts for nothing"
    return f"{subject}: scan says {item.heard.outcome.value}, {item.heard.concept or 'no concept'}"


def _delivered(field: Field, loaded: Loaded, journal: Journal) -> Scan:
    """The scan of the model as given.

    Raises:
        RefusedError: it is accused itself, or cannot be scanned.
    """
    seeds = field.seeds.child("scan")

    def compute() -> object:
        field.progress.say("scanning the model as it was given")
        probed = probe_model(
            field.request.scanning(),
            loaded.model,
            loaded.subject,
            loaded.checks,
            seeds,
            Meter(),
            field.progress,
        )
        return msgspec.to_builtins(probed.scan)

    scan = msgspec.convert(journal.once("delivered", compute), Scan)
    if scan.verdict.outcome is Outcome.BACKDOORED or scan.replay is None:
        raise RefusedError(
            "drill.unfit",
            f"a drill on this model would tell nothing: {scan.verdict.summary.rstrip('.')}",
            where=scan.subject.artifact.name,
            remedy="clean the model first, or drill on one that the scan does not accuse",
        )
    return scan


def _record(field: Field, triggers: Sequence[tuple[TriggerRule, Variant]], done: Done) -> Drill:
    poisoned = [item for item in done.plantings if item.attack is not None]
    controls = [item for item in done.plantings if item.attack is None]
    return Drill(
        seed=field.request.seed,
        data=field.pairs.train.id,
        level=field.settings.level,
        max_base_rate=field.settings.max_base_rate,
        power=power("all", "All families", poisoned),
        families=tuple(
            power(
                family.id,
                family.title,
                [item for item in poisoned if item.attack and item.attack.trigger == family.id],
            )
            for family, _ in triggers
        ),
        accused_controls=accused_controls(controls),
        plantings=done.plantings,
        missed=done.missed,
    )


def _triggers(
    request: DrillRequest, chosen: DrillSettings
) -> tuple[tuple[TriggerRule, Variant], ...]:
    listed = {item.family: item.variant for item in chosen.triggers}
    named = [stated_trigger(name, listed.get(name)) for name in request.triggers or listed]
    return tuple({family.id: (family, variant) for family, variant in named}.values())


def _over(request: DrillRequest, spent: float) -> bool:
    return request.budget is not None and spent >= request.budget


def _require_fresh(request: DrillRequest, state: Path) -> None:
    """Refuse to write over anything but what the drill that is gone on with has written."""
    if request.resume and (state / IDENTITY).exists():
        return
    require_none(state)
    for folder in (request.output, request.keep):
        if folder is not None:
            atomic.require_vacant(folder)
