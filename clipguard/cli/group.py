"""The top-level command: its help is a table, so that showing it imports no command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

import click

import clipguard
from clipguard.cli import options
from clipguard.core.exits import Exit
from clipguard.core.text import printable


@dataclass(frozen=True)
class Entry:
    """Where a command lives (``module:object``) and its line in the help."""

    target: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "scan": Entry("clipguard.cli.scan:command", "Probe a checkpoint for backdoors."),
    "clean": Entry("clipguard.cli.clean:command", "Repair a checkpoint and export it."),
    "audit": Entry("clipguard.cli.audit:command", "Scan, clean when needed, export and report."),
    "export": Entry("clipguard.cli.export:command", "Write a checkpoint as weights and ONNX."),
    "verify": Entry(
        "clipguard.cli.verify:command", "Tell whether an output folder is as it was written."
    ),
    "evaluate": Entry(
        "clipguard.cli.evaluate:command", "Measure accuracy, retrieval and a stated trigger."
    ),
    "report": Entry("clipguard.cli.report:command", "Render a stored result in another format."),
    "compare": Entry("clipguard.cli.compare:command", "Tell what changed between two results."),
    "drill": Entry(
        "clipguard.cli.drill:command",
        "Plant known backdoors and see whether the scan finds them.",
    ),
    "fleet": Entry(
        "clipguard.cli.fleet:command", "Scan or audit many checkpoints, resumably, into one table."
    ),
    "demo": Entry("clipguard.cli.demo:command", "Audit a clean and a backdoored example."),
    "inspect": Entry("clipguard.cli.inspect:command", "Tell what checkpoints hold."),
    "synth": Entry("clipguard.cli.synth:command", "Draw image-text pairs."),
    "rules": Entry("clipguard.cli.rules:command", "List the trigger families."),
    "explain": Entry(
        "clipguard.cli.explain:command",
        "Explain a trigger family, a check, a finding or an error by its ID.",
    ),
    "schema": Entry(
        "clipguard.cli.schema:command",
        "Print the JSON Schema that every result of this version follows.",
    ),
    "init": Entry("clipguard.cli.init:command", "Write a commented clipguard.toml."),
    "doctor": Entry("clipguard.cli.doctor:command", "Say whether clipguard can work here."),
}


class TableGroup(click.Group):
    """A group whose commands are looked up in :data:`COMMANDS` and imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The imported command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].target.partition(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name].target} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but an unknown name is answered with the nearest one."""
        near = get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"no such command {printable(args[0], 40)!r}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table and the exit codes."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), code.meaning) for code in Exit])


@click.group(
    "clipguard",
    cls=TableGroup,
    context_settings={
        "auto_envvar_prefix": "CLIPGUARD",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@options.speaking
@click.version_option(clipguard.__version__, "--version", message="clipguard %(version)s")
def group() -> None:
    """Scan CLIP checkpoints for backdoors, clean them, and prove both.

    Answers go to stdout, messages and progress to stderr. Options can also be set by environment
    variables (CLIPGUARD_COMMAND_OPTION), those of scan, clean, audit, export, evaluate and drill
    in clipguard.toml as well.
    """
