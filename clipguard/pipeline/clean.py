"""Clean: scan, repair, write, rescan what was written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clipguard.cleaning import method
from clipguard.cleaning.effect import effect
from clipguard.cleaning.types import CleaningTask
from clipguard.core import atomic, schema
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Cleaning, Export, Measurement, Outcome, Result, Scan
from clipguard.core.seeds import Seeds
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.weights import write_open_clip_folder
from clipguard.model.openclip import OpenClipModel
from clipguard.pairs import open_pairs
from clipguard.pairs.subset import Subset
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.types import PairSource
from clipguard.pipeline import frame
from clipguard.pipeline.requests import CleanRequest
from clipguard.pipeline.scan import Measured, probe
from clipguard.pipeline.suspects import concepts, suspects
from clipguard.report.html import render_html

DRAWN, DRAWN_HELD_OUT = 1500, 400
HELD_OUT_SHARE = 0.2
LEAST = 0.10  # attack success above this is no repair
KEPT = 0.2  # image drift at a mean cosine of 0.9; above, embeddings are not kept


@dataclass(frozen=True)
class Repair:
    """A repaired model with its record and its scan, as written."""

    cleaning: Cleaning
    repaired: Scan


def clean(request: CleanRequest, progress: Progress = SILENT) -> Result:
    """Repair one checkpoint and prove it.

    Weights, ONNX pair, result and report go to ``request.output``; a repair that fails its own
    rescan goes to ``OUTPUT.rejected`` without the ONNX pair.

    Raises:
        ClipguardError: the model could not be read or cleaned, or nothing could be written.
    """
    rejected = request.output.with_name(f"{request.output.name}.rejected")
    for folder in (request.output, rejected):
        atomic.require_vacant(folder)
    seeds = Seeds(request.seed)
    probed = probe(request, seeds.child("scan"), progress)
    if probed.measured is None:
        return frame.result("clean", request, Exit.INCONCLUSIVE, delivered=probed.scan)
    found = suspects(probed.measured.replay, probed.measured.bench)
    if request.method == "guided" and request.data is None and not found:
        raise RefusedError(
            "clean.nothing_found",
            "not cleaned: the scan found no trigger that could guide the cleaning",
            where=request.model,
            remedy="give pairs of the model's own domain with --data, which need none",
        )
    with atomic.workspace(request.output) as work:
        student, repair = mend(request, probed.model, probed.measured, seeds, work, progress)
        accepted = repair.cleaning.cleaned
        exports = export(student, work, progress, weights=True, onnx=accepted)
        exit_code = Exit.PASS if accepted else _refusal(repair.repaired, request)
        result = frame.result(
            "clean",
            request,
            exit_code,
            delivered=probed.scan,
            cleaning=repair.cleaning,
            repaired=repair.repaired,
            exports=exports,
        )
        publish(result, work, request.output if accepted else rejected)
    return result


def mend(
    request: CleanRequest,
    model: OpenClipModel,
    measured: Measured,
    seeds: Seeds,
    work: Path,
    progress: Progress,
) -> tuple[OpenClipModel, Repair]:
    """Clean a copy of a scanned model and scan it again from the file as written, in fresh draws.

    Args:
        request: what was asked for.
        model: the delivered model; it stays as it is.
        measured: what the scan of it found.
        seeds: root; branches ``clean`` and ``audit`` are used, never those of the scan.
        work: an empty folder that receives the weights.
        progress: where to report.
    """
    branch = seeds.child("clean")
    pairs, held_out = split(request, branch)
    student = model.copy()
    task = CleaningTask(
        model=student,
        reference=model,
        pairs=pairs,
        held_out=held_out,
        suspects=suspects(measured.replay, measured.bench),
        concepts=concepts(measured.bench),
        seeds=branch,
        steps=request.steps,
        learning_rate=request.learning_rate,
        progress=progress,
        keep_embeddings=request.keep_embeddings,
    )
    outcome = method(request.method).clean(task)
    before, after = (
        effect(judged, model, held_out, task.suspects, task.concepts, seeds.child("audit"))
        for judged in (model, student)
    )
    repaired = rescan(request, student, work, seeds, progress)
    cleaning = Cleaning(
        method=request.method,
        settings=outcome.settings,
        pairs=pairs.id,
        cleaned=_cleaned(repaired, after, request),
        explanation=outcome.explanation,
        steps=outcome.records,
        rounds=outcome.rounds,
        before=before,
        after=after,
    )
    return student, Repair(cleaning, repaired)


def rescan(
    request: CleanRequest, model: OpenClipModel, work: Path, seeds: Seeds, progress: Progress
) -> Scan:
    """Write the weights and scan the files, with draws that nothing before has seen."""
    progress.say("scanning the repaired model as written, with fresh draws")
    write_open_clip_folder(model, work)
    scan = probe(replace(request, model=str(work), arch=None), seeds.child("audit"), progress).scan
    artifact = replace(scan.subject.artifact, name=request.output.name)
    return replace(scan, subject=replace(scan.subject, artifact=artifact))


def export(
    model: OpenClipModel, work: Path, progress: Progress, *, weights: bool, onnx: bool
) -> tuple[Export, ...]:
    """Write weights and ONNX pair into ``work``; the pair is compared with the torch model."""
    written: tuple[Export, ...] = ()
    if weights:
        written = write_open_clip_folder(model, work)
    if onnx:
        progress.say("exporting the ONNX pair and comparing it with the torch model")
        written += write_onnx_pair(model, work, source_sha256=written[0].artifact.sha256)
    return written


def publish(result: Result, work: Path, target: Path) -> None:
    """Add result and report to ``work`` and give everything its final name, whole or not at all."""
    (work / "result.json").write_bytes(schema.dumps(result))
    (work / "audit.html").write_bytes(render_html(result))
    with atomic.folder(target) as folder:
        for file in sorted(work.iterdir()):
            os.replace(file, folder / file.name)


def split(request: CleanRequest, seeds: Seeds) -> tuple[PairSource, PairSource]:
    """Pairs to train on and pairs held out; drawn ones come from two seeds.

    Raises:
        InputError: too few pairs were given.
    """
    if request.data is None:
        return (
            SyntheticPairs(seeds.child("pairs").value, DRAWN),
            SyntheticPairs(seeds.child("held-out").value, DRAWN_HELD_OUT),
        )
    given = open_pairs(request.data)
    order = [int(index) for index in seeds.child("split").numpy().permutation(len(given))]
    cut = int(len(given) * HELD_OUT_SHARE)
    if cut < 32:
        raise InputError(
            "data.too_few_pairs",
            f"{len(given)} pairs, at least {int(32 / HELD_OUT_SHARE)} needed",
            where=given.id,
            remedy="give more pairs or use --synthetic",
        )
    return Subset(given, tuple(order[cut:])), Subset(given, tuple(order[:cut]))


def _cleaned(repaired: Scan, after: Sequence[Measurement], request: CleanRequest) -> bool:
    """Whether the rescan passes, no replayed trigger works, and what was to stay has stayed."""
    working = [
        item
        for item in after
        if item.name.startswith("attack_success:") and (item.value is None or item.value > LEAST)
    ]
    drift = next((item.value for item in after if item.name == "image_drift"), None)
    moved = request.keep_embeddings and (drift is None or drift > KEPT)
    return frame.gate(repaired, request) is Exit.PASS and not working and not moved


def _refusal(repaired: Scan, request: CleanRequest) -> Exit:
    """1 when the rescan still accuses, else 3: nothing is known to be well."""
    found = repaired.verdict.outcome in {Outcome.BACKDOORED} & set(request.fail_on)
    return Exit.FINDING if found else Exit.INCONCLUSIVE
