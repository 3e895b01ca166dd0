"""Evaluate: what a model is good for on the user's data, and what a stated trigger does to it."""

from __future__ import annotations

from pathlib import Path

from clipguard.core.errors import ConfigError, InputError, UsageError
from clipguard.core.exits import Exit
from clipguard.core.measurement import Measurement
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import CheckState, Evaluation, Result, StatedAttack
from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import Sample
from clipguard.model.batching import Meter
from clipguard.model.openclip import OpenClipModel, class_names
from clipguard.pairs import open_pictures
from clipguard.pipeline import frame
from clipguard.pipeline.load import Loaded, load
from clipguard.pipeline.requests import EvaluateRequest
from clipguard.probes.classes import UNKNOWN, Classes, classes_of
from clipguard.probes.survey import Survey, survey
from clipguard.probes.utility import Sight, attack, measured, retrieval, shows, sight, zero_shot
from clipguard.probes.vocabulary import read_labels
from clipguard.triggers import build, load_file, rule
from clipguard.triggers.samples import showcase
from clipguard.triggers.types import Trigger, TriggerRule, Variant

IMAGENET = "ImageNet class names"
STAMP = "stated"
FEWEST = 2
NO_CLASS = "no picture has a class: none lies in a folder named like a label, and no caption names \
one label alone"
NO_CAPTIONS = "fewer than two captions"


def evaluate(request: EvaluateRequest, progress: Progress = SILENT) -> Result:
    """Measure a checkpoint on pairs or classes; nothing is written and nothing is gated.

    Raises:
        ClipguardError: the model or data could not be read, or the trigger is not known.
    """
    stated = _stated(request)
    seeds = Seeds(request.seed).child("evaluate")
    loaded = load(
        request.model,
        request.arch,
        device=request.device,
        seeds=seeds,
        meter=Meter(),
        progress=progress,
    )
    broken = any(
        check.id == "finite_weights" and check.state is CheckState.FAILED for check in loaded.checks
    )
    found = _survey(request, loaded.model, stated, seeds, progress)
    done = _evaluation(request, loaded, found, stated, seeds, broken=broken)
    exit_code = Exit.INCONCLUSIVE if broken else Exit.PASS
    return frame.result("evaluate", request, exit_code, evaluation=done)


def stated_trigger(name: str, variant: str | None) -> tuple[TriggerRule, Variant]:
    """The trigger that a user names.

    Args:
        name: a family's id, FILE.toml with one family, or FILE.toml:ID.
        variant: id of its variant; None: the strongest of its first curve.

    Raises:
        ConfigError: no such family or variant, or a wrong file.
    """
    path, _, own = name.partition(".toml")
    if not _ and "/" not in name:
        family = rule(name)
    else:
        family = _own_family(Path(f"{path}.toml") if _ else Path(name), own.removeprefix(":"))
    if variant is None:
        return family, showcase(family)
    found = next((item for item in family.variants if item.id == variant), None)
    if found is None:
        raise ConfigError(
            "rules.unknown_variant",
            f"{family.id} has no variant {variant}",
            where="--variant",
            remedy=f"one of {', '.join(item.id for item in family.variants[:8])}",
        )
    return family, found


def _own_family(path: Path, identifier: str) -> TriggerRule:
    families = {family.id: family for family in load_file(path)}
    if not identifier and len(families) == 1:
        return next(iter(families.values()))
    if identifier not in families:
        raise ConfigError(
            "rules.unknown_family",
            f"the file holds {', '.join(families)}",
            where=str(path),
            remedy=f"name one: {path}:{next(iter(families))}",
        )
    return families[identifier]


def _stated(request: EvaluateRequest) -> tuple[TriggerRule, Variant] | None:
    if (request.trigger is None) != (request.target is None):
        given, missing = ("trigger", "target") if request.trigger else ("target", "trigger")
        raise UsageError(
            "usage.incomplete",
            f"--{given} without --{missing}",
            where="clipguard evaluate",
            remedy="give both, or none",
        )
    if request.trigger is None:
        return None
    return stated_trigger(request.trigger, request.variant)


def _survey(
    request: EvaluateRequest,
    model: OpenClipModel,
    stated: tuple[TriggerRule, Variant] | None,
    seeds: Seeds,
    progress: Progress,
) -> Survey:
    pairs = open_pictures(request.data)
    triggers: dict[str, Trigger] = {}
    if stated is not None:
        triggers[STAMP] = build(*stated, model.spec.image_size, seeds.child("instance"))
    with progress.stage("pictures", len(pairs)) as stage:
        found = survey([model], pairs, range(len(pairs)), triggers, seeds.child("stamp"), stage)
    if len(found.first) < FEWEST:
        raise InputError(
            "data.too_few_pairs",
            f"{len(found.first)} pictures, at least {FEWEST} are needed",
            where=pairs.id,
            remedy="give more pictures",
        )
    return found


def _evaluation(
    request: EvaluateRequest,
    loaded: Loaded,
    found: Survey,
    stated: tuple[TriggerRule, Variant] | None,
    seeds: Seeds,
    *,
    broken: bool,
) -> Evaluation:
    labels = read_labels(request.labels) if request.labels else None
    classes = classes_of(found, labels, class_names())
    if request.target is not None:
        classes = classes.including([request.target])
    seen = sight(loaded.model, found, 0, classes)
    return Evaluation(
        subject=loaded.subject,
        seed=request.seed,
        checks=loaded.checks,
        data=open_pictures(request.data).id,
        data_sha256=found.sha256,
        pairs=len(found),
        pictures=len(found.first),
        labelled=int((seen.labels != UNKNOWN).sum()),
        classes=classes.rule,
        vocabulary=_vocabulary(request, found),
        concepts=len(classes.names),
        utility=() if broken else _utility(loaded.model, found, seen, seeds.child("utility")),
        attack=None
        if stated is None or broken
        else _attack(request, stated, found, classes, seen, seeds.child("attack")),
    )


def _vocabulary(request: EvaluateRequest, found: Survey) -> str:
    if request.labels is not None:
        return request.labels.name
    return IMAGENET if any(found.texts) else "names of the folders"


def _utility(
    model: OpenClipModel, found: Survey, seen: Sight, seeds: Seeds
) -> tuple[Measurement, ...]:
    samples: dict[str, Sample] = {**zero_shot(seen), **retrieval(model, found, seen)}
    figures = [measured(name, item, seeds) for name, item in samples.items()]
    for name, reason in (("acc1", NO_CLASS), ("text_retrieval_recall@1", NO_CAPTIONS)):
        if name not in samples:
            figures.append(Measurement(name=name, value=None, unit="fraction", n=0, absent=reason))
    return tuple(figures)


def _attack(
    request: EvaluateRequest,
    stated: tuple[TriggerRule, Variant],
    found: Survey,
    classes: Classes,
    seen: Sight,
    seeds: Seeds,
) -> StatedAttack:
    family, variant = stated
    target = str(request.target)
    others = ~shows(found, classes, target, seen.answers())
    samples = attack(seen, STAMP, classes.index(target), others)
    reasons = {"poisoned_accuracy": NO_CLASS}
    return StatedAttack(
        trigger=family.id,
        title=family.title,
        variant=variant.id,
        target=target,
        measurements=tuple(
            measured(name, item, seeds, reasons.get(name, "every picture is of the target"))
            for name, item in samples.items()
        ),
    )
