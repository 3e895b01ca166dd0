"""``clipguard fleet``: plan, run, merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clipguard.cli import console, options

if TYPE_CHECKING:
    from clipguard.core.fleet import Fleet
    from clipguard.fleet.plan import Member, Plan

PLAN = Path("fleet-plan.json")


class Passing(click.Command):
    """A command that leaves what stands behind ``--`` to another one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the part before ``--``; the other is kept in ``ctx.meta``."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["passed"] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


plan_file = click.argument(
    "plan", metavar="[PLAN]", type=options.PATH, required=False, default=PLAN
)
output = click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=Path("clipguard-fleet"),
    show_default=True,
    metavar="DIR",
    help="Folder of results; those that it holds already stay.",
)
shard = click.option(
    "--shard", type=click.IntRange(min=0), metavar="K", help="Only this shard. Default: all."
)


@click.group("fleet")
@options.speaking
def command() -> None:
    """Scan or audit many checkpoints, resumably, into one table.

    Each model has a process of its own, so that a hostile file ends no other model's run. Results
    are kept by content: the same model under the same settings, rules and version is done once.
    """


@command.command("plan", cls=Passing, options_metavar="[OPTIONS] MODEL... [-- scan|audit OPTIONS]")
@click.argument("models", metavar="", nargs=-1)
@click.option(
    "--list",
    "listed",
    type=options.PATH,
    metavar="FILE",
    help="Text file with one model, folder or pattern per line, relative to the file's folder.",
)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=PLAN,
    show_default=True,
    metavar="FILE",
    help="Plan to write.",
)
@click.option(
    "--shards",
    type=click.IntRange(min=1),
    metavar="N",
    help="Jobs to spread the models over, by size. Default: one for each model.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the jobs as GitHub's strategy.matrix takes them."
)
@options.speaking
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    models: tuple[str, ...],
    listed: Path | None,
    output: Path,
    shards: int | None,
    as_json: bool,
) -> None:
    """List models with their digests, and what to do with each.

    MODEL is a checkpoint, a model folder, a folder of these, or a quoted pattern. Behind -- stand
    the command for each of them and its options; default: scan. Nothing is run, torch is not
    needed.
    """
    import json

    from clipguard.cli.answer import require_place
    from clipguard.cli.planned import asked
    from clipguard.core import atomic
    from clipguard.core.errors import UsageError
    from clipguard.fleet import plan as plans
    from clipguard.fleet.find import find, read_list

    given = [*models, *(read_list(listed) if listed else ())]
    if not given:
        raise UsageError(
            "usage.model",
            "no models given",
            where=ctx.command_path,
            remedy="give files, folders, patterns or --list FILE",
        )
    require_place(output)
    made = plans.make(find(given), asked(ctx.meta["passed"]), shards)
    atomic.write_bytes(output, plans.dumps(made))
    console.emit_text(json.dumps(plans.matrix(made)) + "\n" if as_json else _listed(made))


@command.command("run")
@plan_file
@output
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Models at work at a time. Default: 1; under ray as many as there are CPUs or GPUs for.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or Ray (pip install 'clipguard[fleet]').",
)
@click.option("--address", help="Address of a running Ray cluster. Default: Ray is started here.")
@shard
@options.speaking
@click.pass_context
def run(
    ctx: click.Context,
    /,
    plan: Path,
    output: Path,
    shard: int | None,
    **how: object,
) -> int:
    """Do what the plan asks for and is not there yet, and merge.

    A process that ends without a result is started once more; then its model counts as an error.
    A second run does only what is missing, and again what ended for reasons outside the model.
    """
    from clipguard.cli.answer import begin
    from clipguard.cli.planned import gpus
    from clipguard.fleet import run as runs

    made, members = _current(plan, shard)
    way = runs.How(output=output, gpus=gpus(made.asked), **how)  # type: ignore[arg-type]  # options
    runs.run(made, members, way, begin(ctx))
    return _merged(ctx, made, members, output)


@command.command("merge")
@plan_file
@output
@shard
@options.speaking
@click.pass_context
def merge(ctx: click.Context, /, plan: Path, output: Path, shard: int | None) -> int:
    """Write one table of all results, and end with the worst exit code.

    Writes fleet.json, fleet.html and fleet.xml (JUnit) beside the results. A model without a result
    is an error.
    """
    from clipguard.fleet import plan as plans

    made = plans.read(plan)
    return _merged(ctx, made, made.of_shard(shard), output)


def _current(path: Path, shard: int | None) -> tuple[Plan, tuple[Member, ...]]:
    from clipguard.cli.planned import asked
    from clipguard.fleet import plan as plans

    made = plans.read(path)
    plans.require_current(made, asked((made.asked.command, *made.asked.options)))
    return made, made.of_shard(shard)


def _merged(ctx: click.Context, plan: Plan, members: tuple[Member, ...], output: Path) -> int:
    from clipguard.cli.answer import is_quiet
    from clipguard.core import atomic
    from clipguard.fleet.merge import merge
    from clipguard.report.fleet import render, render_text

    fleet: Fleet = merge(plan, members, output)
    for name, data in render(fleet).items():
        atomic.write_bytes(output / name, data)
    if not is_quiet(ctx):
        console.emit_text(render_text(fleet))
    return fleet.exit_code


def _listed(plan: Plan) -> str:
    from clipguard.core.text import printable

    lines = [
        f"{item.shard:>4}  {item.sha256[:16]}  {item.size_bytes:>15,}  {printable(item.model, 200)}"
        for item in plan.members
    ]
    return "\n".join([*lines, f"{len(plan.members)} models"]) + "\n"
