"""One self-contained HTML file: no script, no network, equal bytes for equal results.

What comes from outside is made harmless twice: control and bidirectional characters by
``printable``, markup by jinja's escaping. The content policy allows the page's own style sheet and
the pictures inside the file, nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from functools import cache
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from clipguard.core import resources, schema
from clipguard.core.results import Demonstration, Result, Scan
from clipguard.core.text import printable
from clipguard.report import charts, figures, words
from clipguard.report.view import ScanView, scan_view

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_COMMAND = re.compile(r"(?<![\w-])--[a-z][a-z-]*|clipguard [a-z]+")
_LONGEST = 4000  # characters of one text from outside


def render_html(result: Result) -> bytes:
    """The report as one HTML file, UTF-8, below 2 MB, readable without scripts.

    Args:
        result: everything shown comes from here.
    """
    style = resources.template("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template("report.html.j2")
    text = page.render(
        result=result,
        style=Markup(style),  # noqa: S704  # our own file
        policy=(
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        delivered=_view(result.delivered, "delivered"),
        repaired=_view(result.repaired, "repaired"),
        drift=_drift(result),
        changes=_changes(result),
        embedded=_embedded(result),
    )
    return text.encode()


def _view(scan: Scan | None, name: str) -> ScanView | None:
    return None if scan is None else scan_view(scan, name)


def _drift(result: Result) -> Markup | None:
    if result.cleaning is None or not result.cleaning.steps:
        return None
    tau = result.cleaning.settings.get("tau")
    limit = float(tau) if isinstance(tau, (int, float)) and not isinstance(tau, bool) else None
    return charts.drift(result.cleaning.steps, limit, "drift")


def _changes(result: Result) -> list[dict[str, Any]]:
    """Before and after by name; what was measured only once has an empty side."""
    if result.cleaning is None:
        return []
    before = {item.name: item for item in result.cleaning.before}
    after = {item.name: item for item in result.cleaning.after}
    return [
        {"name": name, "before": before.get(name), "after": after.get(name)}
        for name in dict.fromkeys([*before, *after])
    ]


def _embedded(result: Result) -> Markup:
    """The result as JSON that cannot end its element; the page shows the pictures already."""
    bare = replace(result, delivered=_bare(result.delivered), repaired=_bare(result.repaired))
    text = schema.dumps(bare).decode()
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704  # escaped above


def _bare(scan: Scan | None) -> Scan | None:
    if scan is None:
        return None
    return replace(scan, demonstrations=tuple(map(_without_pictures, scan.demonstrations)))


def _without_pictures(item: Demonstration) -> Demonstration:
    return replace(
        item,
        original=replace(item.original, png_base64=""),
        triggered=replace(item.triggered, png_base64=""),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(resources.template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=figures.percent,
        number=figures.number,
        signed=figures.signed,
        ratio=figures.ratio,
        size=figures.size,
        interval=figures.interval,
        measurement=figures.measurement,
        scalar=figures.scalar,
        words=figures.words,
        bar=_bar,
        base64=_base64,
        commands=_commands,
    )
    environment.globals.update(
        heading=words.heading,
        verdict=words.verdict,
        lead=words.lead,
        stale=words.stale,
        subject_name=words.subject_name,
        exit_meaning=words.exit_meaning,
        next_step=words.next_step,
        uncovered=words.uncovered,
        command_line=words.command_line,
    )
    return environment


def _harmless(value: object) -> object:
    """Every text that a template puts out passes here; markup made by this package stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, _LONGEST)
    return value


def _base64(text: str) -> Markup:
    """Base64 of a picture; anything else becomes no picture. Exempt from the limit on texts."""
    return Markup(text if _BASE64.fullmatch(text) else "")  # noqa: S704  # its letters are checked


def _commands(text: str) -> Markup:
    """Options and quoted commands of a sentence as code, so that none is broken in two."""
    safe = str(escape(_harmless(text)))
    return Markup(_COMMAND.sub(r"<code>\g<0></code>", safe))  # noqa: S704  # escaped before


def _bar(value: float | None) -> Markup:
    """A fraction as a small bar beside its figure, which screen readers get instead."""
    width = 100 * min(max(value or 0.0, 0.0), 1.0)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="fill-grid" width="100" height="6"/>'
        '<rect class="fill-suspect" width="{}" height="6"/></svg>'
    ).format(f"{width:.1f}")
