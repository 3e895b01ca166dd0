"""``clipguard inspect``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from msgspec import to_builtins

from clipguard.cli import console, options
from clipguard.cli.failures import line
from clipguard.core import schema
from clipguard.core.errors import ClipguardError, UsageError
from clipguard.core.exits import Exit, worst
from clipguard.core.origin import came_from
from clipguard.core.results import Result, Subject
from clipguard.core.text import printable

if TYPE_CHECKING:
    from clipguard.checkpoint.types import Candidate, Checkpoint
    from clipguard.core.origin import Origin
    from clipguard.pipeline.requests import ModelRequest


@click.command("inspect")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--arch", metavar="NAME|FILE.json", help="Check the weights against an architecture.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Answer as JSON, a result that clipguard report renders, every tensor included; "
    "for one MODEL.",
)
@options.online
@options.speaking
def command(models: tuple[str, ...], arch: str | None, as_json: bool, online: bool) -> int:
    """Tell what checkpoints hold.

    Says which format, names and architecture were recognised and why. Nothing in a file is
    executed, and no probe runs. Of several MODELs all are read; a finding about one of them
    outweighs what could not be read.
    """
    if len(models) == 1:
        _one(models[0], arch, as_json, online)
        return Exit.PASS
    if as_json:
        raise UsageError(
            "usage.contradiction",
            "--json answers for one model",
            where="clipguard inspect",
            remedy="give one MODEL",
        )
    return worst([_next(model, arch, online) for model in models])


def _one(model: str, arch: str | None, as_json: bool, online: bool) -> None:
    from clipguard.checkpoint import open_checkpoint
    from clipguard.core.progress import SILENT
    from clipguard.pipeline import frame
    from clipguard.registry import resolved

    asked = _request(model, arch)
    try:
        with resolved(model, online=online, progress=SILENT) as found:
            checkpoint = open_checkpoint(found.path, arch=arch)
    except ClipguardError as error:
        if as_json:
            console.emit(schema.dumps(frame.failure("inspect", asked, error)))
        raise
    if as_json:
        result = frame.inspection(replace(asked, origin=found.origin), _subject(checkpoint))
        click.echo(_dump(result, checkpoint))
    else:
        click.echo(_text(checkpoint, found.origin))


def _next(model: str, arch: str | None, online: bool) -> Exit:
    """One of several: what is wrong with it does not keep the others from being read."""
    try:
        _one(model, arch, False, online)
    except ClipguardError as error:
        console.tell(line(error))
        return error.exit
    click.echo()
    return Exit.PASS


def _request(model: str, arch: str | None) -> ModelRequest:
    """What was asked for, for the record."""
    from clipguard.cli.asking import plain
    from clipguard.pipeline.requests import ModelRequest

    given = {
        name: plain(name, value) for name, value in (("model", model), ("arch", arch)) if value
    }
    return ModelRequest(
        model=model, arch=arch, settings=given, origins=dict.fromkeys(given, "command line")
    )


def _dump(result: Result, checkpoint: Checkpoint) -> str:
    """The result, and beside it what only this command tells."""
    more = {
        "candidates": to_builtins(checkpoint.candidates),
        "tensors": {
            name: {"shape": list(info.shape), "dtype": info.dtype}
            for name, info in checkpoint.tensors.infos().items()
        },
    }
    return json.dumps({**to_builtins(result), **more}, indent=2, sort_keys=True)


def _subject(checkpoint: Checkpoint) -> Subject:
    """The facts of the first candidate; the others are named beside it."""
    first, *others = checkpoint.candidates
    size, length = _lengths(first)
    return Subject(
        artifact=checkpoint.artifact,
        format=checkpoint.format,
        layout=checkpoint.layout,
        architecture=first.name,
        image_size=size,
        embed_dim=int(first.config["embed_dim"]),  # type: ignore[call-overload]  # JSON value
        context_length=length,
        parameters=_parameters(checkpoint),
        dtype=checkpoint.dtype,
        evidence=(*checkpoint.evidence, *(f"or {_described(item)}" for item in others)),
        notes=checkpoint.notes,
        findings=checkpoint.findings,
    )


def _text(checkpoint: Checkpoint, origin: Origin | None) -> str:
    artifact, first = checkpoint.artifact, checkpoint.candidates[0]
    tensors = len(checkpoint.tensors.infos())
    rows = [
        ("file", f"{artifact.name}, {artifact.size_bytes:,} bytes"),
        ("sha256", artifact.sha256),
        *([("origin", came_from(origin))] if origin else []),
        ("format", checkpoint.format),
        ("names", checkpoint.layout),
        ("weights", f"{tensors} tensors, {_parameters(checkpoint):,} values, {checkpoint.dtype}"),
        ("architecture", _described(first)),
        *(("or", _described(other)) for other in checkpoint.candidates[1:]),
        ("normalisation", f"mean {_numbers(first.mean)}, std {_numbers(first.std)}"),
        *(("evidence", text) for text in checkpoint.evidence),
        *(("note", f"{note.text} [{note.code}]") for note in checkpoint.notes),
        *(
            ("finding", f"{item.severity.value}: {item.what}; {item.remedy} [{item.rule}]")
            for item in checkpoint.findings
        ),
    ]
    return "\n".join(f"{label:<14} {printable(text, 400)}" for label, text in rows)


def _described(candidate: Candidate) -> str:
    config = candidate.config
    size, length = _lengths(candidate)
    activation = "QuickGELU" if config.get("quick_gelu") else "GELU"
    towers = f"{size} px, {config['embed_dim']} dimensions, {length} tokens, {activation}"
    return f"{candidate.name} ({towers}; {candidate.source})"


def _lengths(candidate: Candidate) -> tuple[int, int]:
    """Pixels of a picture's side and tokens of a text; open_clip's where nothing is said."""
    config: Any = candidate.config
    vision, text = config["vision_cfg"], config["text_cfg"]
    return vision.get("image_size", 224), text.get("context_length", 77)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def _parameters(checkpoint: Checkpoint) -> int:
    from math import prod

    return sum(prod(info.shape) for info in checkpoint.tensors.infos().values())
