"""Where a model comes from that is no local file: a URI, and the place it led to."""

from __future__ import annotations

import re
from dataclasses import dataclass

_URI = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|hf-hub:)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The place in a registry that a delivered file was taken from.

    ``uri`` always leads to this file; ``revision`` is the commit or the version in it. ``pinned``
    says that the user named that revision, not a branch or an alias that may move on.
    """

    registry: str
    uri: str
    revision: str
    file: str
    pinned: bool


def came_from(origin: Origin) -> str:
    """The origin as a sentence without a full stop."""
    how = "" if origin.pinned else ", which was not pinned"
    return f"{origin.registry}: {origin.uri}, file {origin.file}{how}"


def is_uri(text: str) -> bool:
    """Whether a text names a place by a scheme, such as ``hf://`` or ``models:/``."""
    return _URI.match(text) is not None
