"""``clipguard evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clipguard.cli import console, options


@click.command("evaluate")
@options.model
@click.option(
    "--data",
    required=True,
    metavar="SOURCE",
    help="Image-text pairs, or a folder with one folder of pictures for each class.",
)
@click.option(
    "--labels",
    type=options.PATH,
    metavar="FILE",
    help="Classes, one per line. Default: the folders' names, for captions open_clip's ImageNet "
    "class names.",
)
@click.option(
    "--trigger",
    metavar="ID|FILE.toml",
    help="Trigger family to stamp on every picture: one of clipguard rules, or a file of your own "
    "in the same form.",
)
@click.option("--variant", metavar="ID", help="Variant of the trigger. Default: the strongest.")
@click.option("--target", metavar="CONCEPT", help="Where the trigger is said to lead.")
@options.architecture
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, not as a table.")
@click.option(
    "-o", "--output", type=options.PATH, metavar="FILE", help="Write the JSON to a file as well."
)
@options.running
@options.speaking
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, output: Path | None, **_: Any) -> int:
    """Measure accuracy, retrieval and a stated trigger.

    Zero-shot accuracy where pictures have classes (a folder for each, or captions that name one
    label alone), retrieval where they have captions. With --trigger and --target also the attack
    success over pictures that are not of the target, the target's share without the trigger, and
    the share of true answers with it. Nothing is written but the answer, and nothing is gated.
    """
    from clipguard.cli import answer
    from clipguard.cli.asking import evaluate_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import EvaluateRequest

    def run(request: EvaluateRequest, progress: Progress) -> Result:
        from clipguard.pipeline.evaluate import evaluate

        return evaluate(request, progress)

    def write(data: bytes) -> None:
        if output:
            answer.to_file(output)(data)
        if as_json:
            console.emit(data)

    if output:
        answer.require_place(output)
    result = answer.give(ctx, evaluate_request, run, write)
    if not as_json:
        from clipguard.report.text import render_text

        console.emit_text(render_text(result))
    return result.exit_code
