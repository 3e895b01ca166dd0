"""The formats of a result by name: the one table that commands choose from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from clipguard.core.results import Result

FORMATS: Mapping[str, str] = {
    "cyclonedx": "clipguard.report.bom:render_bom",
    "html": "clipguard.report.html:render_html",
    "json": "clipguard.core.schema:dumps",
    "junit": "clipguard.report.junit:render_junit",
    "markdown": "clipguard.report.markdown:render_markdown",
    "sarif": "clipguard.report.sarif:render_sarif",
    "text": "clipguard.report.text:render_text",
}
"""Name -> ``module:function``, imported when it is used: charts take a second to import."""


def render(result: Result, name: str) -> bytes:
    """The result in one format, UTF-8; equal results give equal bytes.

    Args:
        result: everything shown comes from here.
        name: one of :data:`FORMATS`.
    """
    module, _, function = FORMATS[name].partition(":")
    made: bytes | str = getattr(import_module(module), function)(result)
    return made if isinstance(made, bytes) else made.encode()
