"""Results whose texts have an end: what a page can show of a file that is all name."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from clipguard.core.results import Demonstration, Picture, Result


def shortened(result: Result, longest: int) -> Result:
    """A copy in which every text has at most ``longest`` characters; pictures stay.

    Args:
        result: what a command found.
        longest: at least 64, so that digests stay whole.
    """
    made: Result = _cut(result, longest)
    return made


def without_pictures(result: Result) -> Result:
    """A copy whose demonstrations keep their words alone."""
    delivered, repaired = (
        scan and replace(scan, demonstrations=tuple(map(_told, scan.demonstrations)))
        for scan in (result.delivered, result.repaired)
    )
    return replace(result, delivered=delivered, repaired=repaired)


def _told(item: Demonstration) -> Demonstration:
    return replace(
        item,
        original=replace(item.original, png_base64=""),
        triggered=replace(item.triggered, png_base64=""),
    )


def _cut(item: Any, longest: int) -> Any:
    if type(item) is str:  # an enumeration's members are texts as well, and stay
        return item if len(item) <= longest else item[: longest - 3] + "..."
    if isinstance(item, Picture):
        return replace(item, alt=_cut(item.alt, longest))
    if isinstance(item, tuple):
        return tuple(_cut(value, longest) for value in item)
    if isinstance(item, dict):
        return {_cut(key, longest): _cut(value, longest) for key, value in item.items()}
    if is_dataclass(item) and not isinstance(item, type):
        changed = {field.name: _cut(getattr(item, field.name), longest) for field in fields(item)}
        return replace(item, **changed)
    return item
