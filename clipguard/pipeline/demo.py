"""Demo: audit a clean and a backdoored example, and say in plain words what happened."""

from __future__ import annotations

from importlib.resources import as_file
from pathlib import Path

from clipguard.core import atomic, resources
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import Result
from clipguard.pipeline.audit import audit
from clipguard.pipeline.requests import AuditRequest

EXAMPLES = ("clean-base", "backdoored")


def demo(output: Path, progress: Progress = SILENT, seed: int = 0) -> Result:
    """Audit both examples into ``output``; the result of the backdoored one is returned.

    Raises:
        ClipguardError: ``output`` is taken, or an audit could not run.
    """
    atomic.require_vacant(output)
    for name in EXAMPLES:
        progress.say(f"auditing the example {name!r}")
        with as_file(resources.examples(name, "model.pt")) as path:
            request = AuditRequest(
                model=str(path),
                output=output / name,
                seed=seed,
                settings={"model": f"{name}/model.pt", "seed": seed},
                origins={"model": "demo", "seed": "demo"},
            )
            result = audit(request, progress)
        progress.say(told(name, result, output / name / "audit.html"))
    return result


def told(name: str, result: Result, report: Path) -> str:
    """One audit in plain words, with the place of its report."""
    found = result.delivered.verdict.summary if result.delivered else "The audit did not run."
    sentence = f"{name}: {found}"
    if result.cleaning is not None:
        after = "was repaired" if result.cleaning.cleaned else "could not be repaired"
        sentence += f" The model {after}; the exit code of its audit is {result.exit_code}."
    return f"{sentence} Report: {report}"
