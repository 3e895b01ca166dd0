"""Audit: scan, clean when needed, export, rescan, report, gate."""

from __future__ import annotations

from clipguard.core import atomic
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Outcome, Result
from clipguard.core.seeds import Seeds
from clipguard.pipeline import frame
from clipguard.pipeline.clean import export, mend, publish, refusal, require_layout
from clipguard.pipeline.requests import AuditRequest
from clipguard.pipeline.scan import probe


def audit(request: AuditRequest, progress: Progress = SILENT) -> Result:
    """The whole way for one checkpoint, for CI.

    ``request.output`` receives result and report, and weights and ONNX pair when the model that
    they hold passed: the delivered one, or the repaired one after its rescan. A repair that did not
    pass goes to ``OUTPUT.rejected`` with all that is told of it, without the ONNX pair.

    Raises:
        ClipguardError: the model could not be read or cleaned, or nothing could be written.
    """
    rejected = request.output.with_name(f"{request.output.name}.rejected")
    for folder in (request.output, rejected):
        atomic.require_vacant(folder)
    seeds = Seeds(request.seed)
    probed = probe(request, seeds.child("scan"), progress)
    parts: dict[str, object] = {"delivered": probed.scan}
    exit_code = frame.gate(probed.scan, request)
    model = probed.model
    require_layout(request, model)
    target = request.output
    with atomic.workspace(request.output) as work:
        if probed.measured and probed.scan.verdict.outcome is Outcome.BACKDOORED:
            progress.say(probed.scan.verdict.summary)
            model, repair = mend(request, model, probed.measured, seeds, work, progress)
            parts |= {"cleaning": repair.cleaning, "repaired": repair.repaired}
            passed = repair.cleaning.cleaned
            exit_code = Exit.PASS if passed else refusal(repair.repaired, request)
            target = request.output if passed else rejected
        if exit_code is Exit.PASS or target is rejected:
            onnx = exit_code is Exit.PASS
            parts["exports"] = export(request, model, work, progress, onnx=onnx)
        result = frame.result("audit", request, exit_code, **parts)
        publish(result, work, target)
    return result
