"""Audit: scan, clean when needed, export, rescan, report, gate."""

from __future__ import annotations

from dataclasses import replace

from clipguard.core import atomic
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Outcome, Result
from clipguard.core.seeds import Seeds
from clipguard.model.processes import Processes, joined
from clipguard.pipeline import attempt, frame
from clipguard.pipeline.clean import export, mend, publish
from clipguard.pipeline.requests import AuditRequest
from clipguard.pipeline.scan import probe


def audit(request: AuditRequest, progress: Progress = SILENT) -> Result:
    """The whole way for one checkpoint, for CI.

    ``request.output`` receives result and report in any case, and weights and ONNX pair only when
    the model that they hold passed: the delivered one, or the repaired one after its rescan.

    Raises:
        ClipguardError: the model could not be read or cleaned, or nothing could be written.
    """
    atomic.require_vacant(request.output)
    attempt.require_fresh(request)
    with joined(request.device) as (processes, device):
        return _audit(replace(request, device=device), processes, progress)


def _audit(request: AuditRequest, processes: Processes, progress: Progress) -> Result:
    seeds = Seeds(request.seed)
    probed = probe(request, seeds.child("scan"), progress)
    parts: dict[str, object] = {"delivered": probed.scan}
    exit_code = frame.gate(probed.scan, request)
    model = probed.model
    with atomic.workspace(request.output) as work:
        if probed.measured and probed.scan.verdict.outcome is Outcome.BACKDOORED:
            progress.say(probed.scan.verdict.summary)
            model, repair = mend(request, probed, seeds, work, processes, progress)
            parts |= {"cleaning": repair.cleaning, "repaired": repair.repaired}
            exit_code = Exit.PASS if repair.cleaning.cleaned else Exit.FINDING
        if exit_code is Exit.PASS:
            parts["exports"] = export(model, work, progress, weights=True, onnx=True)
        else:
            for file in work.iterdir():
                file.unlink()  # weights that did not pass are not handed on
        result = frame.result("audit", request, exit_code, **parts)
        if processes.main:
            publish(result, work, request.output)
            attempt.finish(request)
    return result
