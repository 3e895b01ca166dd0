"""What ``-- scan OPTIONS`` of a fleet means: checked as the command itself would, with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from clipguard.cli import asking
from clipguard.cli.group import group
from clipguard.core.errors import UsageError
from clipguard.core.today import today
from clipguard.fleet.content import digest
from clipguard.fleet.plan import Asked
from clipguard.pipeline.requests import ScanRequest

_REQUESTS = {"scan": asking.scan_request, "audit": asking.audit_request}
_OURS = ("output", "html", "report", "as_json", "resume")
_ANY = "model"


def asked(line: Sequence[str]) -> Asked:
    """Parse a command line without its model, with settings file and environment.

    Args:
        line: a command and its options; empty: ``scan``.

    Raises:
        ClipguardError: as the command raises it, or the options are the fleet's to give.
    """
    command, *options = line or ("scan",)
    request = _request(command, options)
    return Asked(command=command, options=tuple(options), settings_sha256=_digest(request))


def gpus(asked: Asked) -> int:
    """How many GPUs one model takes."""
    return int(_request(asked.command, asked.options).device.startswith("cuda"))


def _request(command: str, options: Sequence[str]) -> ScanRequest:
    if command not in _REQUESTS:
        raise UsageError(
            "fleet.command",
            f"{command!r} is nothing that a fleet does",
            where="clipguard fleet plan",
            remedy="write scan or audit behind --, and its options behind that",
        )
    with click.Context(group, info_name="clipguard", obj={}, **group.context_settings) as top:
        found = group.get_command(top, command) or group
        with found.make_context(command, [*options, "--", _ANY], parent=top) as ctx:
            for name in _OURS:
                if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                    raise UsageError(
                        "fleet.option",
                        f"--{name.removeprefix('as_')} is for one model",
                        where="clipguard fleet plan",
                        remedy="leave it out; clipguard fleet run -o DIR says where results go",
                    )
            return _REQUESTS[command](ctx)


def _digest(request: ScanRequest) -> str:
    """Over every setting but the model, the ignores in force, and the files that are read."""
    files = dict(request.inputs())
    given: dict[str, Any] = {
        "settings": {name: value for name, value in request.settings.items() if name != "model"},
        "ignores": sorted(repr(item) for item in request.policy.ignores if item.expires >= today()),
        "baseline": sorted(map(repr, request.policy.baseline.charges))
        if request.policy.baseline
        else None,
        "inputs": sorted((str(name), digest(path)) for name, path in files.items()),
    }
    if request.arch and Path(request.arch).is_file():
        given["arch"] = digest(Path(request.arch))
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
