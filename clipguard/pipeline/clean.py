"""Clean: scan, repair, write, rescan what was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from clipguard.cleaning import method
from clipguard.cleaning.effect import effect
from clipguard.cleaning.engine import Engine
from clipguard.cleaning.types import CleaningTask
from clipguard.core import atomic, schema
from clipguard.core.errors import RefusedError
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Cleaning, Gate, Result
from clipguard.core.seeds import Seeds
from clipguard.export.attestation import write_attestation
from clipguard.export.card import write_card, write_record
from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import CONVENTIONS, Form
from clipguard.model.processes import Processes, joined
from clipguard.pairs import supply
from clipguard.pipeline import attempt, frame
from clipguard.pipeline.export import deliver, export, require_layout, write_weights
from clipguard.pipeline.proof import prove
from clipguard.pipeline.requests import CleanRequest
from clipguard.pipeline.retake import retake
from clipguard.pipeline.scan import Probed, probe
from clipguard.pipeline.suspects import concepts, suspects
from clipguard.report.bom import render_bom
from clipguard.report.html import render_html
from clipguard.verdict.policy import after_repair, refusals


@dataclass(frozen=True)
class Repair:
    """A repaired model with its record, its scan as written, and what the policy makes of it."""

    cleaning: Cleaning
    repaired: Probed
    gate: Gate


def clean(request: CleanRequest, progress: Progress = SILENT) -> Result:
    """Repair one checkpoint and prove it.

    Weights, ONNX pair, result, report, record and model card go to ``request.output``; a repair
    that fails its own rescan, costs more than ``request.max_utility_drop`` or does not outlast
    benign fine-tuning goes to ``OUTPUT.rejected`` without the ONNX pair.

    Raises:
        ClipguardError: the model could not be read or cleaned, or nothing could be written.
    """
    rejected = attempt.reserve(request)
    with joined(request.device) as (processes, device):
        request = replace(request, device=device)
        return _clean(request, rejected, processes, progress)


def _clean(
    request: CleanRequest, rejected: Path, processes: Processes, progress: Progress
) -> Result:
    seeds = Seeds(request.seed)
    require = partial(require_layout, layout=request.layout)
    probed = probe(request, seeds.child("scan"), progress, require=require)
    if probed.measured is None:
        gate = frame.gate(probed.scan, request)
        exit_code = Exit(gate.exit_code)
        return frame.result("clean", request, exit_code, delivered=probed.scan, gate=gate)
    found = suspects(probed.measured.replay, probed.measured.bench)
    if request.method == "guided" and not request.data and not found:
        raise RefusedError(
            "clean.nothing_found",
            "not cleaned: the scan found no trigger that could guide the cleaning",
            where=request.model,
            remedy="give pairs of the model's own domain with --data, which need none",
        )
    with atomic.workspace(request.output) as work:
        student, repair = mend(request, probed, seeds, work, processes, progress)
        accepted = repair.cleaning.cleaned
        forms: tuple[Form, ...] = ("fp32",) if accepted else ()
        exports = export(student, work, request.layout, forms, progress)
        result = frame.result(
            "clean",
            request,
            after_repair(repair.gate, repair.cleaning.refused),
            gate=repair.gate,
            delivered=probed.scan,
            cleaning=repair.cleaning,
            repaired=repair.repaired.scan,
            exports=exports,
            retake=retake(repair.repaired, probed.scan, work, progress, CONVENTIONS[request.layout])
            if accepted
            else None,
        )
        if processes.main:
            publish(result, work, request.output if accepted else rejected)
            attempt.finish(request)
    return result


def mend(
    request: CleanRequest,
    probed: Probed,
    seeds: Seeds,
    work: Path,
    processes: Processes,
    progress: Progress,
) -> tuple[OpenClipModel, Repair]:
    """Clean a copy of a scanned model and scan it again from the file as written, in fresh draws.

    Args:
        request: what was asked for.
        probed: the delivered model, which stays as it is, and what its scan measured.
        seeds: root; branches ``clean`` and ``audit`` are used, never those of the scan.
        work: an empty folder that receives the weights.
        processes: those that clean together.
        progress: where to report.

    Raises:
        ValueError: the scan measured nothing.
    """
    model = probed.model
    branch = seeds.child("clean")
    pairs = supply.split(
        request.data, request.synthetic, branch, device=request.device, progress=progress
    )
    student = model.copy()
    engine = attempt.engine(request, processes)
    task = plan(request, probed, student, pairs, branch, engine, progress)
    task = replace(task, journal=attempt.journal(request, probed.scan, task))
    outcome = method(request.method).clean(task)
    before, after = (
        effect(judged, model, pairs.held_out, task.suspects, task.concepts, seeds.child("audit"))
        for judged in (model, student)
    )
    supply.tell_skipped(pairs.train, progress)
    rate = float(outcome.settings["learning_rate"] or 0.0)
    proof = prove(request, model, student, task, rate, seeds.child("proof"))
    repaired = rescan(request, student, work, seeds, progress)
    gate = frame.gate(repaired.scan, request, probed.scan)
    refused = refusals(gate, after, proof, request.policy, keep_embeddings=request.keep_embeddings)
    cleaning = Cleaning(
        method=request.method,
        settings=outcome.settings,
        pairs=pairs.train.id,
        cleaned=not refused,
        explanation=outcome.explanation,
        steps=outcome.records,
        rounds=outcome.rounds,
        before=before,
        after=after,
        trained_on=supply.recorded(pairs.train),
        held_out=supply.recorded(pairs.held_out),
        proof=proof,
        refused=refused,
    )
    return student, Repair(cleaning, repaired, gate)


def plan(
    request: CleanRequest,
    probed: Probed,
    student: OpenClipModel,
    pairs: supply.Split,
    seeds: Seeds,
    engine: Engine,
    progress: Progress,
) -> CleaningTask:
    """What a method is told: the pairs, and what the scan found.

    Args:
        request: what was asked for.
        probed: the delivered model, and what its scan measured.
        student: a copy, which cleaning changes.
        pairs: to train on and to choose by.
        seeds: root of every stream of the cleaning.
        engine: how embeddings are computed.
        progress: where to report.

    Raises:
        ValueError: the scan measured nothing.
    """
    measured = probed.measured
    if measured is None:
        raise ValueError("a model that failed a check cannot be cleaned")
    return CleaningTask(
        model=student,
        reference=probed.model,
        pairs=pairs.train,
        held_out=pairs.held_out,
        suspects=suspects(measured.replay, measured.bench),
        concepts=concepts(measured.bench),
        seeds=seeds,
        steps=request.steps,
        learning_rate=request.learning_rate,
        progress=progress,
        engine=engine,
        keep_embeddings=request.keep_embeddings,
        max_utility_drop=request.max_utility_drop,
    )


def rescan(
    request: CleanRequest, model: OpenClipModel, work: Path, seeds: Seeds, progress: Progress
) -> Probed:
    """Write the weights and scan the files, with draws that nothing before has seen."""
    progress.say("scanning the repaired model as written, with fresh draws")
    write_weights(model, work, request.layout)
    again = replace(request, model=str(work), arch=None)
    probed = probe(again, seeds.child("audit"), progress)
    subject = probed.scan.subject
    artifact = replace(subject.artifact, name=request.output.name)
    scan = replace(probed.scan, subject=replace(subject, artifact=artifact))
    return replace(probed, scan=scan)


def publish(result: Result, work: Path, target: Path) -> None:
    """Add what is told of the model and give everything its final name, whole or not at all."""
    if result.cleaning is not None:
        write_record(result, work)
        write_card(result, work)
    (work / "result.json").write_bytes(schema.dumps(result))
    (work / "audit.html").write_bytes(render_html(result))
    (work / "bom.cdx.json").write_bytes(render_bom(result))
    write_attestation(result, work)
    deliver(work, target)
