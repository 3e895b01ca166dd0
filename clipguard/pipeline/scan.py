"""Scan: read, check, probe, judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from clipguard.core.errors import InputError
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import (
    Check,
    Demonstration,
    Replay,
    Result,
    Scan,
    Subject,
    Verdict,
)
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter, embed_images
from clipguard.model.openclip import OpenClipModel, class_names
from clipguard.pipeline import frame
from clipguard.pipeline.load import load, passed
from clipguard.pipeline.pictures import pool, source, words
from clipguard.pipeline.requests import ScanRequest
from clipguard.probes import validity
from clipguard.probes.bench import Bench
from clipguard.probes.carriers import Carriers, choose
from clipguard.probes.demonstration import demonstrate
from clipguard.probes.replay import replay
from clipguard.probes.vocabulary import Vocabulary, embed_vocabulary, read_labels
from clipguard.triggers import load_rules, rule
from clipguard.triggers.types import TriggerRule
from clipguard.verdict import calibration
from clipguard.verdict.judge import judge

POOL_FACTOR = 10  # pictures looked at for each carrier kept
SMALLEST_POOL = 240
SCREENING = 1 / 3  # of the carriers; the rest is held out
FEWEST_CARRIERS = 24


@dataclass(frozen=True)
class Measured:
    """What the probe measured, on which bench, and the carriers that its figures are from."""

    replay: Replay
    bench: Bench
    held_out: Carriers


@dataclass(frozen=True)
class Probed:
    """A scan with what cleaning needs of it; ``measured`` is None when the model failed a check."""

    scan: Scan
    model: OpenClipModel
    measured: Measured | None


def scan(request: ScanRequest, progress: Progress = SILENT) -> Result:
    """Scan one checkpoint and gate.

    Raises:
        ClipguardError: the scan could not run.
    """
    outcome = probe(request, Seeds(request.seed).child("scan"), progress).scan
    gate = frame.gate(outcome, request)
    return frame.result("scan", request, Exit(gate.exit_code), delivered=outcome, gate=gate)


def probe(
    request: ScanRequest,
    seeds: Seeds,
    progress: Progress,
    *,
    require: Callable[[OpenClipModel], None] | None = None,
) -> Probed:
    """Scan one checkpoint; every draw comes from ``seeds``.

    Args:
        request: what was asked for.
        seeds: root of every draw.
        progress: where to report.
        require: raises when the model cannot be used; called before the model is probed.

    Raises:
        ClipguardError: the scan could not run.
    """
    meter = Meter()
    loaded = load(
        request.model,
        request.arch,
        device=request.device,
        seeds=seeds,
        meter=meter,
        progress=progress,
    )
    if require is not None:
        require(loaded.model)
    return probe_model(request, loaded.model, loaded.subject, loaded.checks, seeds, meter, progress)


def probe_model(
    request: ScanRequest,
    model: OpenClipModel,
    subject: Subject,
    checks: tuple[Check, ...],
    seeds: Seeds,
    meter: Meter,
    progress: Progress,
) -> Probed:
    """Scan a model that is already built."""
    coefficients = calibration.load()
    measured = None
    if passed(checks):
        words = vocabulary(request, model, meter, progress)
        rules = load_rules()
        carriers, more = _carriers(request, model, words, rules, seeds, meter, progress)
        checks = (*checks, *more)
        if passed(more):
            bench = Bench(model, words, seeds, meter)
            screening, held_out = carriers.halves(round(len(carriers) * SCREENING))
            replayed = replay(bench, rules, screening, held_out, progress)
            measured = Measured(replayed, bench, held_out)
    result = measured.replay if measured else None
    verdict = judge(checks, result, coefficients, request.prior)
    done = Scan(
        subject=subject,
        seed=request.seed,
        checks=checks,
        replay=result,
        verdict=verdict,
        demonstrations=_shown(verdict, measured),
    )
    return Probed(done, model, measured)


def _shown(verdict: Verdict, measured: Measured | None) -> tuple[Demonstration, ...]:
    if measured is None or verdict.trigger is None:
        return ()
    family = next(item for item in measured.replay.families if item.family == verdict.trigger)
    return demonstrate(measured.bench, rule(verdict.trigger), family, measured.held_out)


def vocabulary(
    request: ScanRequest, model: OpenClipModel, meter: Meter, progress: Progress
) -> Vocabulary:
    """The concepts that a model is asked to choose from.

    Raises:
        InputError: the labels given cannot be read.
    """
    if request.labels is None:
        return embed_vocabulary(model, "ImageNet class names", class_names(), meter, progress)
    return embed_vocabulary(
        model, request.labels.name, read_labels(request.labels), meter, progress
    )


def _carriers(
    request: ScanRequest,
    model: OpenClipModel,
    vocabulary: Vocabulary,
    rules: tuple[TriggerRule, ...],
    seeds: Seeds,
    meter: Meter,
    progress: Progress,
) -> tuple[Carriers, tuple[Check, ...]]:
    count = affordable(request.carriers, request.budget, rules, spent=meter.images)
    wanted = max(SMALLEST_POOL, POOL_FACTOR * count)
    pairs = source(request.images, request.data, seeds, wanted, progress)
    stored, rows = [], []
    with progress.stage("pictures", wanted) as stage:
        for pixels in pool(pairs, wanted, model.spec.image_size):
            rows.append(embed_images(model, pixels, meter, stage))
            stored.append((pixels * 255).round().byte())  # a quarter of the memory
    pictures, embeddings = torch.cat(stored), torch.cat(rows)
    checks = (
        validity.determinism(model, pictures[:8], meter),
        validity.spread(embeddings, vocabulary.embeddings),
        validity.readable_words(model, *words(model.spec.image_size), meter),
    )
    return choose(pictures, embeddings, vocabulary, count), checks


def affordable(
    carriers: int, budget: int | None, rules: tuple[TriggerRule, ...], *, spent: int
) -> int:
    """Carriers that a budget of image forward passes allows, at most ``carriers``.

    Raises:
        InputError: the budget is too small for any verdict.
    """
    if budget is None:
        return carriers
    variants = sum(len(item.variants) for item in rules)
    per_carrier = POOL_FACTOR + variants * SCREENING + len(rules) * (1 - SCREENING)
    count = min(carriers, int((budget - spent) / per_carrier))
    if count < FEWEST_CARRIERS:
        least = int(FEWEST_CARRIERS * per_carrier) + spent + 1
        raise InputError(
            "scan.budget",
            f"{budget} forward passes are too few for a verdict",
            where="--budget",
            remedy=f"give at least {least}",
        )
    return count
