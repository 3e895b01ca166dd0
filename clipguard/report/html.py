"""One self-contained HTML file: no script, no network, equal bytes for equal results.

What comes from outside is made harmless twice: control and bidirectional characters by
``printable``, markup by jinja's escaping. The content policy allows the page's own style sheet and
the pictures inside the file, nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from clipguard.core import resources, schema
from clipguard.core.origin import came_from
from clipguard.core.results import Result
from clipguard.core.text import printable
from clipguard.report import figures, inputs, words
from clipguard.report.shortened import shortened, without_pictures
from clipguard.report.view import drill_view, repair_view, scan_view

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_COMMAND = re.compile(r"(?<![\w-])--[a-z][a-z-]*|clipguard [a-z]+")
_LONGEST = (4000, 200, 64)  # characters of one text from outside: the first that fits
_LARGEST = 1_990_000  # bytes


def render_html(result: Result) -> bytes:
    """The report as one HTML file, UTF-8, below 2 MB, readable without scripts.

    Texts above 4000 characters are cut, and shorter ones where the page would grow too large.

    Args:
        result: everything shown comes from here.
    """
    page = b""
    for longest in _LONGEST:
        page = _page(shortened(result, longest))
        if len(page) <= _LARGEST:
            break
    return page


def _page(result: Result) -> bytes:
    embedded = schema.dumps(without_pictures(result))
    return page(
        "report.html.j2",
        result=result,
        files=inputs.files(result),
        inputs=inputs.data(result),
        delivered=result.delivered and scan_view(result.delivered, "delivered"),
        repaired=result.repaired and scan_view(result.repaired, "repaired"),
        drill=result.drill and drill_view(result.drill),
        repair=result.cleaning and repair_view(result.cleaning),
        embedded=Markup(base64.b64encode(embedded).decode()),  # noqa: S704  # letters of base64
        embedded_sha256=hashlib.sha256(embedded).hexdigest(),
    )


def page(template: str, **values: object) -> bytes:
    """A template with the style sheet and the content policy that allows it, UTF-8."""
    style = resources.template("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704  # our own file
            policy=(
                f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
                "base-uri 'none'; form-action 'none'"
            ),
            **values,
        )
    )
    return text.encode()


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
        parity=words.parity,
        percent=figures.percent,
        number=figures.number,
        signed=figures.signed,
        ratio=figures.ratio,
        size=figures.size,
        interval=figures.interval,
        measurement=figures.measurement,
        scalar=figures.scalar,
        words=figures.words,
        counted=words.counted,
        bar=_bar,
        base64=_base64,
        commands=_commands,
    )
    environment.globals.update(
        came_from=came_from,
        heading=words.heading,
        verdict=words.verdict,
        lead=words.lead,
        stale=words.stale,
        subject_name=words.subject_name,
        exit_meaning=words.exit_meaning,
        next_step=words.next_step,
        uncovered=words.uncovered,
        command_line=words.command_line,
        outcomes=words.OUTCOMES,
    )
    return environment


def _harmless(value: object) -> object:
    """Every text that a template puts out passes here; markup made by this package stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, _LONGEST[0])
    return value


def _base64(text: str) -> Markup:
    """Base64 of a picture; anything else becomes no picture. Exempt from the limit on texts."""
    return Markup(text if _BASE64.fullmatch(text) else "")  # noqa: S704  # its letters are checked


def _commands(text: str) -> Markup:
    """Options and quoted commands of a sentence as code, so that none is broken in two."""
    safe = str(escape(_harmless(text)))
    return Markup(_COMMAND.sub(r"<code>\g<0></code>", safe))  # noqa: S704  # escaped before


def _bar(value: float | None, mark: float | None = None) -> Markup:
    """A fraction as a small bar beside its figure, which screen readers get instead.

    ``mark`` is drawn as a line across it.
    """
    width, place = (f"{100 * min(max(item or 0.0, 0.0), 1.0):.1f}" for item in (value, mark))
    line = Markup('<rect class="fill-ink" x="{}" width="0.6" height="6"/>').format(place)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="fill-grid" width="100" height="6"/>'
        '<rect class="fill-suspect" width="{}" height="6"/>{}</svg>'
    ).format(width, "" if mark is None else line)
