"""Options that several commands share, in groups that are stacked as decorators."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from clipguard.cli import console
from clipguard.cli.sources import load_settings
from clipguard.config.policy import Policy

F = TypeVar("F", bound=Callable[..., Any])

FAIL_ON = ("backdoored", "natural_like", "inconclusive")
SEVERITIES = ("low", "medium", "high", "critical")
FEWEST_CARRIERS = 24
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class FiniteRange(click.FloatRange):
    """A range of numbers; click's own takes "nan" for a number inside it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, inside the range and finite."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not finite.", param, ctx)
        return number


class Duration(click.ParamType[float]):
    """A time such as ``90s``, ``20m``, ``1.5h``; in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds, above 0."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", str(value).strip())
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is no time such as 90s, 20m or 2h.", param, ctx)
        return seconds


def _stacked(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Remember a flag wherever it stands: before the command's name or behind it."""
    if value:
        ctx.ensure_object(dict)[param.name] = True


def _flag(*names: str, help: str) -> Callable[[F], F]:
    return click.option(
        *names, is_flag=True, is_eager=True, expose_value=False, callback=_note, help=help
    )


speaking = _stacked(
    _flag("-q", "--quiet", console.QUIET, help="No progress and no summary on stderr."),
    _flag("-v", "--verbose", console.VERBOSE, help="Tell more."),
    _flag("--debug", console.DEBUG, help="Tell everything; show the traceback of errors."),
)

PATH = click.Path(path_type=Path)

online = click.option(
    "--online",
    is_flag=True,
    help="Let a registry be asked: the Hugging Face Hub for hf://ORG/NAME@COMMIT, MLflow for "
    "models:/NAME/VERSION. Without it nothing leaves this machine.",
)

model = _stacked(click.argument("model", required=False, envvar="CLIPGUARD_MODEL"), online)

architecture = click.option(
    "--arch",
    metavar="NAME|FILE.json",
    help="Architecture as open_clip names it, or a configuration file. Default: recognised.",
)

asking = _stacked(
    architecture,
    click.option(
        "--labels",
        type=PATH,
        metavar="FILE",
        help="Concepts to look for, one per line. Default: open_clip's ImageNet class names.",
    ),
    click.option(
        "--images",
        type=PATH,
        metavar="DIR",
        help="Your own pictures to try triggers on; better than the drawn ones.",
    ),
    click.option(
        "--data",
        multiple=True,
        metavar="SOURCE[:SHARE]",
        help="Your own image-text pairs, better than the drawn ones: a CSV or TSV, a folder with "
        "captions, or tar shards such as 'shard-{000..099}.tar'. Repeatable, as a mix in the given "
        "shares: a.csv:0.7. See docs/data.md.",
    ),
    click.option(
        "--carriers",
        type=click.IntRange(min=FEWEST_CARRIERS),
        default=96,
        show_default=True,
        help="Pictures that each trigger is tried on.",
    ),
    click.option(
        "--prior",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=0.1,
        show_default=True,
        help="Probability of a backdoor before looking.",
    ),
)

probing = _stacked(
    asking,
    click.option(
        "--budget",
        type=click.IntRange(min=1),
        metavar="PASSES",
        help="Upper limit of image forward passes. Default: what the rules ask for.",
    ),
)

gating = _stacked(
    click.option(
        "--fail-on",
        type=click.Choice(FAIL_ON),
        multiple=True,
        default=("backdoored",),
        show_default=True,
        help="Outcome that ends with exit code 1; repeatable.",
    ),
    click.option(
        "--fail-on-severity",
        type=click.Choice(SEVERITIES),
        help="Findings about the file that end with 1: these and worse ones. Default: none.",
    ),
    click.option(
        "--max-likelihood",
        type=FiniteRange(0, 1),
        metavar="P",
        help="End with 1 when the likelihood lies above. Default: no limit.",
    ),
    click.option(
        "--min-coverage",
        type=FiniteRange(0, 1),
        metavar="SHARE",
        help="End with 3 when a smaller share of the trigger families was measured. Default: no "
        "limit.",
    ),
    click.option(
        "--min-carriers",
        type=click.IntRange(min=1),
        metavar="N",
        help="End with 3 when triggers were tried on fewer pictures, as under --budget. Default: "
        "no limit.",
    ),
    click.option(
        "--require-check",
        multiple=True,
        metavar="ID",
        help="End with 3 unless this check passed; weak is no pass. Repeatable.",
    ),
    click.option(
        "--baseline",
        type=PATH,
        metavar="RESULT.json",
        help="An earlier result; what it held against its model does not gate.",
    ),
    click.option("--exit-zero", is_flag=True, help="Report, but end with 0 whatever was found."),
)

seed = click.option(
    "--seed", type=int, default=0, show_default=True, help="Root of all randomness."
)

running = _stacked(
    seed,
    click.option(
        "--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, mps."
    ),
    click.option(
        "--config",
        type=PATH,
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=load_settings,
        help="Settings file. Default: clipguard.toml or [tool.clipguard] in pyproject.toml, "
        "searched from the working folder upward.",
    ),
)


def output(default: str) -> Callable[[F], F]:
    """``-o`` of a command that writes a folder."""
    return click.option(
        "-o",
        "--output",
        type=PATH,
        default=Path(default),
        show_default=True,
        metavar="DIR",
        help="Folder to write; it must not exist or be empty.",
    )


layout = click.option(
    "--layout",
    type=click.Choice(["open_clip", "hf", "immich", "transformers.js"]),
    default="open_clip",
    show_default=True,
    help="Whose names the written files carry: open_clip's, those of Hugging Face's CLIPModel, or "
    "what immich or Transformers.js open; see docs/export.md.",
)

cleaning = _stacked(
    click.option(
        "--json", "as_json", is_flag=True, help="Print the result on stdout as well, as JSON."
    ),
    click.option(
        "--synthetic",
        is_flag=False,
        flag_value="true",
        metavar="[SHARE|diffusers:FOLDER[:SHARE]]",
        help="Clean with drawn pairs, the default without --data; with a share, beside --data. "
        "diffusers: generated by the Stable Diffusion pipeline in that folder.",
    ),
    click.option(
        "--method",
        type=click.Choice(["guided", "par"]),
        default="guided",
        show_default=True,
        help="guided: unlearn the triggers that fired. par: perturb and recover.",
    ),
    click.option(
        "--steps", type=click.IntRange(min=1), help="Optimiser steps. Default: found by a probe."
    ),
    click.option(
        "--learning-rate",
        type=FiniteRange(0, 1, min_open=True),
        help="Peak learning rate. Default: found by a probe.",
    ),
    click.option(
        "--micro-batch",
        type=click.IntRange(min=1),
        metavar="PAIRS",
        help="Pairs embedded at once, for less memory; the gradient stays that of the whole "
        "batch. Default: the whole batch.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default="fp32",
        show_default=True,
        help="What the towers compute in while they are trained.",
    ),
    click.option(
        "--gradient-checkpointing",
        is_flag=True,
        help="Compute activations of transformers twice instead of keeping them.",
    ),
    click.option(
        "--resume", is_flag=True, help="Go on where a killed run with this output left off."
    ),
    click.option(
        "--save-every",
        type=click.IntRange(min=1),
        default=25,
        show_default=True,
        metavar="STEPS",
        help="Steps between two states kept in DIR.state for --resume.",
    ),
    click.option(
        "--eval",
        metavar="SOURCE",
        help="Data to prove the repair on as well, as in clipguard evaluate --data.",
    ),
    click.option(
        "--max-utility-drop",
        type=FiniteRange(0, 1),
        default=0.02,
        show_default=True,
        help="Largest fall of accuracy that is accepted, or of recall where pictures have no "
        "classes that the model knows.",
    ),
    click.option(
        "--min-agreement",
        type=FiniteRange(0, 1),
        metavar="SHARE",
        help="Least share of the delivered model's answers on held-out pictures that a repair "
        "keeps. Default: no limit.",
    ),
    click.option(
        "--max-rebound",
        type=FiniteRange(0, 1),
        default=Policy.max_rebound,
        show_default=True,
        help="Most attack success that benign fine-tuning may bring back after a repair.",
    ),
    layout,
    click.option(
        "--keep-embeddings",
        is_flag=True,
        help="Keep embeddings of clean pictures where they are: stored indexes and heads go on "
        "working. For guided; its texts never move.",
    ),
)
