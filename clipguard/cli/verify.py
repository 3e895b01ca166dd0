"""``clipguard verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clipguard.cli import options
from clipguard.core.errors import ClipguardError
from clipguard.core.exits import Exit
from clipguard.core.text import printable

if TYPE_CHECKING:
    from clipguard.pipeline.verify import Finding


@click.command("verify")
@click.argument("folder", metavar="DIR", type=options.PATH)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option(
    "--no-parity",
    is_flag=True,
    help="Do not run the models: neither torch nor onnxruntime is needed then.",
)
def command(folder: Path, as_json: bool, no_parity: bool) -> int:
    """Tell whether an output folder is as it was written.

    Compares every file of an output folder of audit, clean or export with its SHA256SUMS, the
    subjects of attestation.intoto.json with the files, and what the ONNX pairs answer with what the
    weights beside them do. What differs is named on stdout, and the exit code is 1. It does not
    tell who wrote the folder: sign SHA256SUMS for that, and keep the signature elsewhere.
    """
    from clipguard.pipeline.verify import verify

    try:
        found = verify(folder, parity=not no_parity)
    except ClipguardError as error:
        if as_json:
            click.echo(_dump({"exit_code": int(error.exit), "error": _failure(error)}))
        raise
    failed = any(item.state == "failed" for item in found)
    exit_code = Exit.FINDING if failed else Exit.PASS
    if as_json:
        from msgspec import to_builtins

        click.echo(_dump({"exit_code": int(exit_code), "checks": to_builtins(found)}))
    else:
        click.echo(_text(found))
    return exit_code


def _text(found: tuple[Finding, ...]) -> str:
    """What differs, else what was found to be right."""
    faults = [fault for item in found for fault in item.faults]
    if faults:
        return "\n".join(f"{printable(fault.file)} {printable(fault.what)}" for fault in faults)
    return "\n".join(printable(item.text, 1000) for item in found if item.state == "passed")


def _failure(error: ClipguardError) -> dict[str, str]:
    return {
        "code": error.code,
        "where": error.where,
        "message": error.what,
        "remedy": error.remedy,
    }


def _dump(table: dict[str, Any]) -> str:
    return json.dumps(table, indent=2, sort_keys=True)
