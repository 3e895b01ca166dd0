"""The verdict once more, on the ONNX pair as written: its answers are what its users get.

The whole probe takes as long as the scan did. The families that decide are few: the one that the
delivered model was accused of, and the strongest in the model that was exported.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clipguard.core.errors import RefusedError
from clipguard.core.measurement import Measurement
from clipguard.core.progress import Progress, Stage
from clipguard.core.results import FamilyResult, Outcome, Replay, Retake, Scan
from clipguard.export.limits import rules
from clipguard.measure.proportion import wilson
from clipguard.measure.rise import Rise
from clipguard.model.batching import embed_images
from clipguard.model.onnx import OnnxClip
from clipguard.model.pair import file_names
from clipguard.pipeline.scan import Measured, Probed
from clipguard.probes.bench import Bench
from clipguard.probes.carriers import Carriers
from clipguard.probes.replay import features, strength
from clipguard.probes.vocabulary import embed_vocabulary
from clipguard.triggers import rule
from clipguard.verdict import calibration
from clipguard.verdict.judge import judge


def retake(probed: Probed, delivered: Scan, folder: Path, progress: Progress) -> tuple[Retake, ...]:
    """Replay what decides through the pair in ``folder``.

    Args:
        probed: the scan of the model that was exported.
        delivered: the scan of the model that was given.
        folder: holds the pair in float32.
        progress: where to report.

    Returns:
        Nothing when the model was not fit to be measured.

    Raises:
        RefusedError: the pair answers otherwise than torch; it must not be used.
    """
    measured = probed.measured
    if measured is None:
        return ()
    names = dict.fromkeys(
        filter(None, (delivered.verdict.trigger, measured.replay.families[0].family))
    )
    families = [item for item in measured.replay.families if item.family in names]
    through, carriers = _through(measured, OnnxClip(folder), progress)
    with progress.stage("onnx", 2 * len(families) * len(carriers)) as stage:
        found = tuple(
            _one(
                probed.scan, family, (measured.bench, measured.held_out), (through, carriers), stage
            )
            for family in families
        )
    for item in found:
        _require_agreement(item, probed.scan.verdict.outcome)
    return found


def _through(measured: Measured, pair: OnnxClip, progress: Progress) -> tuple[Bench, Carriers]:
    """The bench and the carriers as the pair sees them; its text tower names the concepts."""
    bench, carriers = measured.bench, measured.held_out
    words = bench.vocabulary
    vocabulary = embed_vocabulary(pair, words.name, words.concepts, bench.meter, progress)
    embeddings = embed_images(pair, carriers.pixels, bench.meter)
    probabilities = vocabulary.probabilities(embeddings)
    seen = Carriers(carriers.pixels, embeddings, probabilities, probabilities.argmax(dim=1))
    return replace(bench, model=pair, vocabulary=vocabulary), seen


def _one(
    scan: Scan,
    family: FamilyResult,
    torch: tuple[Bench, Carriers],
    onnx: tuple[Bench, Carriers],
    stage: Stage,
) -> Retake:
    found = rule(family.family)
    variant = next(item for item in found.variants if item.id == family.variant)
    concept = torch[0].vocabulary.concepts.index(family.concept)
    expected, actual = (
        bench.effect(found, variant, carriers, "held-out", stage, concept).rise
        for bench, carriers in (torch, onnx)
    )
    change = actual.gain() - expected.gain()
    return Retake(
        family=family.family,
        variant=family.variant,
        concept=family.concept,
        in_torch=_moved(expected),
        in_onnx=_moved(actual),
        difference=abs(change),
        outcome=_outcome(scan, family, actual, change),
    )


def _outcome(scan: Scan, family: FamilyResult, actual: Rise, change: float) -> Outcome:
    """The verdict when one family has the figures that the pair gave."""
    replayed = scan.replay
    if replayed is None:
        raise ValueError("a scan without a replay has no verdict to take again")
    other = replace(
        family,
        share_rise=replace(_moved(actual), name=family.share_rise.name),
        contrast=family.contrast + change,
    )
    families = (other if item is family else item for item in replayed.families)
    ranked = tuple(sorted(families, key=strength))
    again: Replay = replace(replayed, families=ranked, features=features(ranked))
    return judge(scan.checks, again, calibration.load(), scan.verdict.prior).outcome


def _moved(rise: Rise) -> Measurement:
    moved, movable = rise.moved, rise.movable
    return Measurement(
        name="moved",
        value=moved / movable if movable else None,
        unit="fraction",
        n=movable,
        interval=wilson(moved, movable) if movable else None,
        absent=None if movable else "every picture already showed the concept",
    )


def _require_agreement(item: Retake, outcome: Outcome) -> None:
    if item.difference <= rules().retake.max_difference and item.outcome is outcome:
        return
    raise RefusedError(
        "export.retake",
        f"{item.family} moves {item.concept!r} by {item.difference:.3f} more or less than in torch "
        f"({item.outcome.value}, in torch {outcome.value})",
        where=" and ".join(file_names("fp32")),
        remedy="use the safetensors file, and report the versions of torch and onnxruntime",
    )
