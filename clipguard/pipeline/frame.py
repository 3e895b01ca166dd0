"""What every result carries whatever its command: tool, environment, status and exit code."""

from __future__ import annotations

import platform
from importlib.metadata import version

from clipguard.checkpoint import HostileFile
from clipguard.core import resources
from clipguard.core.errors import ClipguardError
from clipguard.core.exits import Exit
from clipguard.core.results import (
    SCHEMA_VERSION,
    Environment,
    Failure,
    Gate,
    Result,
    Scan,
    Status,
    Subject,
    ToolInfo,
)
from clipguard.pipeline.requests import ModelRequest, ScanRequest
from clipguard.verdict.policy import decide

_STATUS: dict[Exit, Status] = {
    Exit.PASS: "pass",
    Exit.FINDING: "fail",
    Exit.ERROR: "error",
    Exit.INCONCLUSIVE: "inconclusive",
}


def gate(scan: Scan, request: ScanRequest, delivered: Scan | None = None) -> Gate:
    """What the policy makes of one scan; ``delivered`` is the one before the repair."""
    from clipguard.probes.replay import CONTROLS
    from clipguard.triggers import load_rules

    families = sum(item.cluster != CONTROLS for item in load_rules())
    return decide(scan, request.policy, families=families, delivered=delivered)


def result(command: str, request: ModelRequest, exit_code: Exit, **parts: object) -> Result:
    """A whole result. ``--exit-zero`` reports the status but never gates."""
    return _framed(
        command,
        request,
        exit_code,
        environment=environment(request.device),
        exit_code=int(Exit.PASS if request.exit_zero else exit_code),
        complete=exit_code in {Exit.PASS, Exit.FINDING},
        **parts,
    )


def inspection(request: ModelRequest, subject: Subject) -> Result:
    """The result of looking at a file alone: nothing was computed, so torch stays out."""
    return _framed(
        "inspect",
        request,
        Exit.PASS,
        environment=None,
        exit_code=int(Exit.PASS),
        complete=True,
        inspected=subject,
    )


def failure(command: str, request: ModelRequest, error: ClipguardError) -> Result:
    """The result of a command that could not run, or that met a hostile file."""
    return _framed(
        command,
        request,
        error.exit,
        environment=None,
        exit_code=int(error.exit),
        complete=False,
        findings=error.findings if isinstance(error, HostileFile) else (),
        error=Failure(code=error.code, message=error.what, remedy=error.remedy),
    )


def _framed(command: str, request: ModelRequest, end: Exit, **parts: object) -> Result:
    return Result(
        schema_version=SCHEMA_VERSION,
        command=command,
        tool=tool(),
        settings=dict(request.settings),
        origins=dict(request.origins),
        origin=request.origin,
        status=_STATUS[end],
        **parts,  # type: ignore[arg-type]  # the other fields of Result
    )


def tool() -> ToolInfo:
    """This tool, with the digest of the rules in force."""
    rules = resources.digest(resources.rules())
    return ToolInfo(name="clipguard", version=version("clipguard"), rules_sha256=rules)


def environment(device: str) -> Environment:
    """Versions and threads: equal figures are promised for equal environments."""
    import torch

    return Environment(
        python=platform.python_version(),
        torch=str(torch.__version__),
        open_clip=version("open_clip_torch"),
        platform=f"{platform.system()} {platform.machine()}",
        device=device,
        threads=torch.get_num_threads(),
    )
