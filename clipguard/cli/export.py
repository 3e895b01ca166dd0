"""``clipguard export``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from clipguard.cli import options
from clipguard.model.pair import FORMS, Form


def _forms(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[Form, ...]:
    """Every form once, in the usual order, from values that may be lists."""
    given = [name.strip() for value in values for name in value.split(",")]
    for name in given:
        if name not in FORMS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(FORMS)}", ctx, param)
    return tuple(form for form in FORMS if form in given)


@click.command("export")
@options.model
@options.output("clipguard-export")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result on stdout as well, as JSON."
)
@click.option(
    "--precision",
    multiple=True,
    default=("fp32",),
    show_default=True,
    callback=_forms,
    metavar="FORM[,FORM]",
    help="How the ONNX pair keeps its weights: fp32, fp16, int8. Repeatable. Each has its own "
    "limits on how far it may lie from torch; see docs/export.md.",
)
@options.layout
@options.architecture
@options.running
@options.speaking
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **_: Any) -> int:
    """Write a checkpoint as weights and ONNX.

    Safetensors with the configuration beside them, an ONNX pair that onnxruntime answers alike, and
    SHA256SUMS. The model is not probed: scan it first, or let audit do both. A pair that disagrees
    with torch is refused with exit code 3, and nothing is written.
    """
    from clipguard.cli import answer, console
    from clipguard.cli.asking import export_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import ExportRequest

    def run(request: ExportRequest, progress: Progress) -> Result:
        from clipguard.pipeline.export import export_model

        return export_model(request, progress)

    result = answer.give(ctx, export_request, run, console.emit if as_json else None)
    answer.summarise(ctx, result)
    return result.exit_code
