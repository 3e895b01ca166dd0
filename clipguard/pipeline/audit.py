"""Audit: scan, clean when needed, export, rescan, report, gate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from clipguard.core import atomic
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Gate, Outcome, Result, Scan
from clipguard.core.seeds import Seeds
from clipguard.model.pair import CONVENTIONS, Form
from clipguard.model.processes import Processes, joined
from clipguard.pipeline import attempt, frame
from clipguard.pipeline.clean import mend, publish
from clipguard.pipeline.export import export, require_layout
from clipguard.pipeline.requests import AuditRequest
from clipguard.pipeline.retake import retake
from clipguard.pipeline.scan import probe
from clipguard.verdict.policy import accepted, after_repair


def audit(request: AuditRequest, progress: Progress = SILENT) -> Result:
    """The whole way for one checkpoint, for CI.

    ``request.output`` receives result and report, and weights and ONNX pair when the model that
    they hold passed: the delivered one, or the repaired one after its rescan. A repair that did not
    pass goes to ``OUTPUT.rejected`` with all that is told of it, without the ONNX pair.

    Raises:
        ClipguardError: the model could not be read or cleaned, or nothing could be written.
    """
    rejected = attempt.reserve(request)
    with joined(request.device) as (processes, device):
        return _audit(replace(request, device=device), rejected, processes, progress)


def _audit(
    request: AuditRequest, rejected: Path, processes: Processes, progress: Progress
) -> Result:
    seeds = Seeds(request.seed)
    require = partial(require_layout, layout=request.layout)
    probed = probe(request, seeds.child("scan"), progress, require=require)
    parts: dict[str, object] = {"delivered": probed.scan}
    gate = frame.gate(probed.scan, request)
    exit_code = Exit(gate.exit_code)
    model, exported = probed.model, probed
    target = request.output
    with atomic.workspace(request.output) as work:
        if probed.measured and _needs_repair(probed.scan, gate):
            progress.say(probed.scan.verdict.summary)
            model, repair = mend(request, probed, seeds, work, processes, progress)
            parts |= {"cleaning": repair.cleaning, "repaired": repair.repaired.scan}
            exported = repair.repaired
            gate = repair.gate
            exit_code = after_repair(gate, repair.cleaning.refused)
            target = request.output if repair.cleaning.cleaned else rejected
        if exit_code is Exit.PASS or target is rejected:
            forms: tuple[Form, ...] = ("fp32",) if exit_code is Exit.PASS else ()
            parts["exports"] = export(model, work, request.layout, forms, progress)
            if forms:
                convention = CONVENTIONS[request.layout]
                parts["retake"] = retake(exported, probed.scan, work, progress, convention)
        result = frame.result("audit", request, exit_code, gate=gate, **parts)
        if processes.main:
            publish(result, work, target)
            attempt.finish(request)
    return result


def _needs_repair(scan: Scan, gate: Gate) -> bool:
    """A backdoor that the policy accepts is left in; the user has said why."""
    return scan.verdict.outcome is Outcome.BACKDOORED and not accepted(scan, gate)
