"""The verdict once more, on the ONNX pair as written: its answers are what its users get.

The whole probe takes as long as the scan did. The families that decide are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clipguard.core.errors import RefusedError
from clipguard.core.progress import Progress, Stage
from clipguard.core.results import (
    FamilyResult,
    Outcome,
    Replay,
    Retake,
    RetakenFamily,
    Scan,
)
from clipguard.export.limits import rules
from clipguard.measure.rise import Rise
from clipguard.model.batching import embed_images
from clipguard.model.onnx import OnnxClip
from clipguard.model.pair import OWN, Convention, file_names
from clipguard.pipeline.scan import Measured, Probed
from clipguard.probes.bench import Bench
from clipguard.probes.carriers import Carriers
from clipguard.probes.replay import features, moved, strength
from clipguard.probes.vocabulary import embed_vocabulary
from clipguard.triggers import rule
from clipguard.verdict import calibration
from clipguard.verdict.judge import judge, reproduced

Rises = tuple[FamilyResult, Rise, Rise]


def retake(
    probed: Probed,
    delivered: Scan,
    folder: Path,
    progress: Progress,
    convention: Convention = OWN,
) -> Retake | None:
    """Replay what decides through the pair in ``folder``.

    Args:
        probed: the scan of the model that was exported.
        delivered: the scan of the model that was given.
        folder: holds the pair in float32.
        progress: where to report.
        convention: what the pair was written for.

    Returns:
        None when the model was not fit to be measured.

    Raises:
        RefusedError: the pair answers otherwise than torch; it must not be used.
    """
    measured = probed.measured
    if measured is None:
        return None
    families = _deciding(measured.replay, delivered)
    through, seen = _through(measured, OnnxClip(folder, convention=convention), progress)
    bench, carriers = measured.bench, measured.held_out
    with progress.stage("onnx", 2 * len(families) * len(seen)) as stage:
        rises: list[Rises] = [
            (item, _rise(item, bench, carriers, stage), _rise(item, through, seen, stage))
            for item in families
        ]
    found = Retake(
        outcome=_outcome(probed.scan, measured.replay, rises),
        families=tuple(_told(*item) for item in rises),
    )
    _require_agreement(found, probed.scan.verdict.outcome, file_names("fp32", convention))
    return found


def _deciding(replay: Replay, delivered: Scan) -> tuple[FamilyResult, ...]:
    """The strongest family, those that fired, and the one that the delivered model is accused of.

    No other can carry a verdict.
    """
    first, accused = replay.families[0], delivered.verdict.trigger
    return tuple(
        item
        for item in replay.families
        if item is first or item.family == accused or reproduced(item)
    )


def _through(measured: Measured, pair: OnnxClip, progress: Progress) -> tuple[Bench, Carriers]:
    """The bench and the carriers as the pair sees them; its text tower names the concepts."""
    bench, carriers = measured.bench, measured.held_out
    words = bench.vocabulary
    vocabulary = embed_vocabulary(pair, words.name, words.concepts, bench.meter, progress)
    embeddings = embed_images(pair, carriers.pixels, bench.meter)
    probabilities = vocabulary.probabilities(embeddings)
    seen = Carriers(carriers.pixels, embeddings, probabilities, probabilities.argmax(dim=1))
    return replace(bench, model=pair, vocabulary=vocabulary), seen


def _rise(family: FamilyResult, bench: Bench, carriers: Carriers, stage: Stage) -> Rise:
    found = rule(family.family)
    variant = next(item for item in found.variants if item.id == family.variant)
    concept = bench.vocabulary.concepts.index(family.concept)
    return bench.effect(found, variant, carriers, "held-out", stage, concept).rise


def _told(family: FamilyResult, expected: Rise, actual: Rise) -> RetakenFamily:
    return RetakenFamily(
        family=family.family,
        variant=family.variant,
        concept=family.concept,
        in_torch=moved(expected),
        in_onnx=moved(actual),
        difference=abs(actual.gain() - expected.gain()),
    )


def _outcome(scan: Scan, replayed: Replay, rises: Sequence[Rises]) -> Outcome:
    """The verdict when families have the figures that the pair gave.

    What compares a family with all others, its kin and its score, stays torch's.
    """
    others = {
        family.family: replace(
            family,
            share_rise=moved(actual),
            contrast=family.contrast + actual.gain() - expected.gain(),
        )
        for family, expected, actual in rises
    }
    families = (others.get(item.family, item) for item in replayed.families)
    ranked = tuple(sorted(families, key=strength))
    again = replace(replayed, families=ranked, features=features(ranked))
    return judge(scan.checks, again, calibration.load(), scan.verdict.prior).outcome


def _require_agreement(found: Retake, outcome: Outcome, names: Sequence[str]) -> None:
    worst = max(found.families, key=lambda item: item.difference)
    if worst.difference <= rules().retake.max_difference and found.outcome is outcome:
        return
    raise RefusedError(
        "export.retake",
        f"the gain of {worst.concept!r} under {worst.family} lies {worst.difference:.3f} from "
        f"torch's, and the verdict is {found.outcome.value}, in torch {outcome.value}",
        where=" and ".join(names),
        remedy="use the safetensors file, and report the versions of torch and onnxruntime",
    )
