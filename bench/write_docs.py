"""Writes the pages of ``docs/`` that are made from code, and the help shown in the README.

Run ``python -m bench.write_docs`` after a change of options, settings or exit codes; a test
compares the pages with what this module makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import click

from clipguard.cli.group import COMMANDS, group
from clipguard.config import settings
from clipguard.core.exits import Exit
from clipguard.verdict.policy import RULES

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
_STATUS = {
    Exit.PASS: "pass",
    Exit.FINDING: "fail",
    Exit.ERROR: "error",
    Exit.INCONCLUSIVE: "inconclusive",
    Exit.BUG: "error",
    Exit.INTERRUPTED: "no result is written",
    Exit.TERMINATED: "no result is written",
}
_HELP_IN_README = re.compile(r"(```text\n\$ clipguard --help\n).*?(```)", re.DOTALL)


def help_text(command: str = "") -> str:
    """What ``clipguard [COMMAND [COMMAND]] --help`` prints in :data:`WIDTH` columns."""
    settings_of_click = {**group.context_settings, "terminal_width": WIDTH}
    found: click.Command = group
    ctx = click.Context(group, info_name="clipguard", **settings_of_click)
    for name in command.split():
        _, inner, _ = cast(click.Group, found).resolve_command(ctx, [name])
        found = cast(click.Command, inner)
        ctx = click.Context(found, parent=ctx, info_name=name)
    with ctx:
        return found.get_help(ctx)


def command_names() -> list[str]:
    """Every command, those of a group behind the group."""
    names = []
    for name in COMMANDS:
        found = group.get_command(click.Context(group), name)
        inner = found.commands if isinstance(found, click.Group) else {}
        names += [name, *(f"{name} {item}" for item in inner)]
    return names


def exit_codes() -> str:
    """``docs/exit-codes.md``."""
    rows = [f"| {int(code)} | {code.meaning} | {_STATUS[code]} |" for code in Exit]
    return "\n".join(
        [
            "# Exit codes",
            "",
            "| code | meaning | `status` in the result |",
            "| --- | --- | --- |",
            *rows,
            "",
            "## What leads to 1 and 3",
            "",
            "A scan is held against every rule of the policy that is set ([policy.md](policy.md)).",
            "Of several broken rules 1 outweighs 3.",
            "",
            "| rule | leads to | when |",
            "| --- | --- | --- |",
            *(f"| `{rule.id}` | {int(rule.exit)} | {rule.breaks} |" for rule in RULES),
            "",
            "After a repair the scan of the written model is judged, not that of the delivered",
            "one. A repair that passes its scan can still be refused: a trigger works on, benign",
            "fine-tuning brings it back beyond `max_rebound`, or the repair costs more than",
            "`max_utility_drop` or `min_agreement` allow. That leads to 3, and to 1 where the",
            "repaired model itself breaks a rule that leads there.",
            "",
            "A file that would run code when it is loaded leads to 1 whatever the policy says, and",
            "is not read further. `clipguard verify` ends with 1 when a file is not as it was",
            "written. An ONNX pair that disagrees with torch is refused: 3, and nothing is written",
            "([export.md](export.md)). `--exit-zero` turns the code of a finished run into 0;",
            "`status` in the result stays what it is. Errors keep their code.",
            "",
            "`clipguard compare` ends with 1 when something got worse, `clipguard report` with 0",
            "whatever the result says.",
            "",
            "A failure is one line on stderr: `clipguard: error [code] where: what; remedy`, with",
            "`refused`, `finding` or `bug` in place of `error` where that is the case.",
            "`clipguard explain CODE` says more. With `--debug` the traceback stands above it.",
            "",
        ]
    )


def commands() -> str:
    """``docs/cli.md``."""
    parts = ["# Commands", "", "```text", help_text().rstrip(), "```"]
    for name in command_names():
        parts += ["", f"## clipguard {name}", "", "```text", help_text(name).rstrip(), "```"]
    return "\n".join([*parts, ""])


def configuration() -> str:
    """``docs/configuration.md``."""
    kinds = dict.fromkeys(item for known in settings.KNOWN.values() for item in known.items())
    rows = {
        (key, kind): f"| `{key}` | {kind} | {', '.join(_commands_that_know(key, kind))} |"
        for key, kind in kinds
    }
    policy = [rows.pop(item) for item in settings.POLICY.items()]
    return "\n".join([*_CONFIGURATION, *rows.values(), *_POLICY, *policy, ""])


def readme(text: str) -> str:
    """The README with the help as it is now."""
    shown = help_text().rstrip()
    return _HELP_IN_README.sub(lambda match: f"{match[1]}{shown}\n{match[2]}", text)


def _commands_that_know(key: str, kind: str) -> list[str]:
    return [name for name, known in settings.KNOWN.items() if known.get(key) == kind]


_CONFIGURATION = (
    "# Settings",
    "",
    "For each setting, the first of these that has it wins:",
    "",
    "1. the option on the command line,",
    "2. the environment variable `CLIPGUARD_COMMAND_OPTION`, such as `CLIPGUARD_SCAN_SEED`;",
    "   `CLIPGUARD_MODEL` for the model; several values are separated by spaces,",
    "3. the settings file,",
    "4. the default.",
    "",
    "The settings file is the one that `--config` names, else the first `clipguard.toml`, or",
    "`pyproject.toml` with `[tool.clipguard]`, from the working folder upward to the root of the",
    "repository. One that lies inside a scanned model folder is never taken by itself: the subject",
    "must not set its own exam. The result records each setting and where it came from.",
    "",
    "```toml",
    "# clipguard.toml",
    'model = "model.pt"        # for every command; paths are relative to this file',
    "seed = 0",
    "",
    "[scan]                    # for one command",
    "carriers = 192",
    "",
    "[audit]",
    'output = "build/audit"',
    "",
    "[policy]                  # what gates, for all commands",
    'fail_on = ["backdoored", "natural_like"]',
    "```",
    "",
    "`clipguard init` writes such a file, with comments. What gates stands in `[policy]` and in",
    "`[[ignore]]` ([policy.md](policy.md)), nowhere else. In `pyproject.toml` the tables are",
    "called `[tool.clipguard]` and `[tool.clipguard.scan]`. An unknown key or a value of the wrong",
    "kind is an error that names the nearest key.",
    "",
    "| key | kind | commands |",
    "| --- | --- | --- |",
)
_POLICY = ("", "In `[policy]`:", "", "| key | kind | commands |", "| --- | --- | --- |")

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/exit-codes.md": exit_codes,
    "docs/cli.md": commands,
    "docs/configuration.md": configuration,
    "README.md": lambda: readme((ROOT / "README.md").read_text(encoding="utf-8")),
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
