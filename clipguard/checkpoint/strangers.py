"""Models that are no CLIP: what they are instead, and what CLIP they come closest to."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import filter as matching
from functools import cache

from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.known import plain_configs
from clipguard.config import toml
from clipguard.core.errors import InputError
from clipguard.core.resources import rules

_NEAREST = 5


def unknown(names: Iterable[str], where: str, why: str) -> InputError:
    """The error for tensors that are no CLIP model that clipguard knows or can derive.

    Args:
        names: the tensors' names, as open_clip would call them as far as that is known.
        where: the file's name in messages.
        why: what is wrong with them.
    """
    given = set(names)
    near = ", ".join(_nearest(given))
    closest = f"; nearest: {near}" if near else ""
    return InputError(
        "arch.unknown",
        f"no CLIP model: {_title(given) or why}{closest}",
        where=where,
        remedy="give a CLIP checkpoint with both towers, or name its architecture with --arch",
    )


def _title(names: Iterable[str]) -> str | None:
    """What the model is, when its names give it away."""
    given = list(names)
    for title, patterns in _strangers():
        if all(matching(given, pattern) for pattern in patterns):
            return f"this looks like {title}"
    return None


@cache
def _strangers() -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = toml.load(rules("reading", "strangers.toml"))
    return tuple((entry["title"], tuple(entry["names"])) for entry in table["stranger"])


def _nearest(names: set[str]) -> list[str]:
    """The known architectures that share most tensor names, with how many are missing."""
    ranked = []
    for label, config in plain_configs().items():
        wanted = set(expected_shapes(config))
        shared = len(wanted & names)
        if shared and not config.get("quick_gelu"):
            ranked.append((-shared / len(wanted | names), len(wanted) - shared, label))
    ranked.sort(key=lambda entry: entry[:2])
    return [f"{label} (lacks {missing} tensors)" for _, missing, label in ranked[:_NEAREST]]
