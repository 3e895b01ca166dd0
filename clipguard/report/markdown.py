"""Markdown for the summary of a CI run, such as ``$GITHUB_STEP_SUMMARY``, below a megabyte.

Text from outside stays text: what Markdown, HTML or GitHub could take for markup is written as a
character reference, and names after ``@`` are kept from becoming mentions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from clipguard.core import resources
from clipguard.core.gate import Gate
from clipguard.core.origin import came_from
from clipguard.core.results import Result
from clipguard.core.text import printable
from clipguard.report import alerts, figures, inputs, words

MOST = 50  # rows of a table or list
_FAMILIES = 12
_LONGEST = 1000  # characters of one text from outside
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#!&~^$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_PLAIN = re.compile(r"[\w@=.,:/ +()'\"-]+", re.ASCII)
_INVISIBLE = "&#8203;"  # a space without width


def render_markdown(result: Result) -> bytes:
    """The summary: verdict, figures, what is not covered, the strongest families."""
    scan = result.delivered
    stated = result.evaluation.attack if result.evaluation is not None else None
    utility = result.evaluation.utility if result.evaluation is not None else ()
    families = scan.replay.families if scan is not None and scan.replay is not None else ()
    text = (
        _environment()
        .get_template("summary.md.j2")
        .render(
            result=result,
            scan=scan,
            subject=inputs.subject(result),
            findings=alerts.findings(result),
            gaps=alerts.gaps(result),
            told=_policy(result.gate) if result.gate is not None else [],
            changes=_changes(result),
            utility=(*utility, *(stated.measurements if stated is not None else ())),
            families=families[:_FAMILIES],
            count=len(families),
            most=MOST,
        )
    )
    return (re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n").encode()


def inert(text: str) -> str:
    """Text that shows as it is, wherever it stands inside a line of Markdown."""
    return _MARKUP.sub(_reference, printable(text, _LONGEST))


def code(text: str) -> Markup:
    """An identifier or a command that can be copied; as other text where a span could be left."""
    shown = printable(text, _LONGEST)
    plain = _PLAIN.fullmatch(shown) and shown.strip()
    return Markup(f"`{shown}`" if plain else inert(text))  # noqa: S704  # its letters are checked


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};{_INVISIBLE if found[0] == '@' else ''}"


def _policy(gate: Gate) -> list[str]:
    """The rules that are not met, what is accepted and why, and the ignores that do nothing."""
    broken = [words.ruling(item) for item in gate.rulings if item.state != "met"]
    accepted = [f"accepted: {words.suppressed(item)}" for item in gate.suppressed]
    return [*broken, *accepted, *(f"ignore {text}" for text in words.stale(gate))]


def _changes(result: Result) -> list[tuple[str, str, str]]:
    if result.cleaning is None:
        return []
    before = {item.name: figures.measurement(item) for item in result.cleaning.before}
    after = {item.name: figures.measurement(item) for item in result.cleaning.after}
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name, "-"), after.get(name, "-")) for name in names]


def _left_out(items: Sequence[object]) -> Markup:
    more = len(items) - MOST
    return Markup(f"\nand {more} more\n") if more > 0 else Markup("")  # noqa: S704  # a number


def _harmless(value: object) -> object:
    """Every text that the template puts out passes here; what this package marked up stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return inert(value)
    return value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(resources.template),
        autoescape=False,  # noqa: S701  # it is no HTML; finalize sees every text
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        code=code,
        parity=words.parity,
        percent=figures.percent,
        ratio=figures.ratio,
        measurement=figures.measurement,
        words=figures.words,
    )
    environment.globals.update(
        came_from=came_from,
        cost=words.cost,
        heading=words.heading,
        verdict=words.verdict,
        lead=words.lead,
        subject_name=words.subject_name,
        exit_meaning=words.exit_meaning,
        next_step=words.next_step,
        rebound=words.rebound,
        retaken=words.retaken,
        command_line=words.command_line,
        left_out=_left_out,
    )
    return environment
