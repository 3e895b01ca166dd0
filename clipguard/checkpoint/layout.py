"""Names of a layout to open_clip's names, by the rules in ``rules/layouts``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from math import prod

import numpy as np

from clipguard.checkpoint.tensors import Readable, Stored
from clipguard.checkpoint.types import TensorInfo
from clipguard.config import toml
from clipguard.core.resources import rules

_FIELDS = {"layer": r"\d+", "kind": "weight|bias", "rest": ".+"}
_FIELD = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True)
class Rule:
    """One way that tensors of a layout make one of open_clip's.

    ``sources`` are the names as the rules write them, ``patterns`` what matches them. Several are
    joined along their first axis; ``transpose`` swaps the two axes of a matrix, ``scalar`` takes a
    one-element vector for the number in it.
    """

    sources: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    target: str
    transpose: bool = False
    scalar: bool = False


@dataclass(frozen=True)
class Layout:
    """How one family of checkpoints names its tensors."""

    title: str
    towers: tuple[str, ...]
    ignore: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Assembled:
    """A tensor of open_clip's, put together when it is read."""

    parts: tuple[Readable, ...]
    info: TensorInfo
    transpose: bool

    def read(self) -> np.ndarray:
        """Values; a map of the file where nothing has to be joined."""
        values = [part.read() for part in self.parts]
        joined = values[0] if len(values) == 1 else np.concatenate(values)
        return joined.T if self.transpose else joined.reshape(self.info.shape)


@dataclass(frozen=True)
class Renamed:
    """The tensors under open_clip's names, and what no rule took.

    ``unexplained`` lie inside a tower and could change what the model computes; ``dropped`` do not.
    """

    layout: Layout
    tensors: Mapping[str, Readable]
    dropped: tuple[str, ...]
    unexplained: tuple[str, ...]


def recognise_layout(tensors: Mapping[str, Stored]) -> Renamed | None:
    """Rename by the layout that explains most tensors; None when none explains any."""
    best = max((_rename(tensors, layout) for layout in layouts()), key=lambda r: len(r.tensors))
    return best if best.tensors else None


@cache
def layouts() -> tuple[Layout, ...]:
    """All layouts, by file name."""
    files = [file for file in rules("layouts").iterdir() if file.name.endswith(".toml")]
    return tuple(_layout(toml.load(file)) for file in sorted(files, key=lambda file: file.name))


def layout(title: str) -> Layout:
    """The layout of this title.

    Raises:
        KeyError: there is none.
    """
    return {item.title: item for item in layouts()}[title]


def stored_as(chosen: Layout, name: str) -> tuple[tuple[str, ...], bool] | None:
    """How a layout stores one of open_clip's tensors; None when it has no place for it.

    Returns:
        The names that its equal parts along the first axis go by, and whether each part is
        transposed.
    """
    for item in chosen.rules:
        match = _pattern(item.target).fullmatch(name)
        if match:
            fields = match.groupdict()
            return tuple(source.format(**fields) for source in item.sources), item.transpose
    return None


def _layout(table: Mapping[str, object]) -> Layout:
    entries = table["map"]
    if not isinstance(entries, list):
        raise TypeError("a layout's map is a list of tables")
    return Layout(
        title=str(table["title"]),
        towers=_texts(table["towers"]),
        ignore=_texts(table["ignore"]),
        rules=tuple(
            Rule(
                _texts(entry["from"]),
                tuple(_pattern(source) for source in _texts(entry["from"])),
                str(entry["to"]),
                bool(entry.get("transpose", False)),
                bool(entry.get("scalar", False)),
            )
            for entry in entries
        ),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(lambda m: f"(?P<{m[1]}>{_FIELDS[m[1]]})", re.escape(source)))


def _rename(tensors: Mapping[str, Stored], layout: Layout) -> Renamed:
    made: dict[str, Readable] = {}
    rest = [n for n in tensors if not any(fnmatchcase(n, pattern) for pattern in layout.ignore)]
    dropped = [name for name in tensors if name not in set(rest)]
    for rule in layout.rules:
        taken: set[str] = set()
        for target, names in _matches(rule, rest).items():
            tensor = _assemble([tensors[name] for name in names], rule)
            if tensor is not None and target not in made:
                made[target] = tensor
                taken.update(names)
        rest = [name for name in rest if name not in taken]
    inside = [name for name in rest if name.startswith(layout.towers)]
    dropped += [name for name in rest if name not in set(inside)]
    return Renamed(layout, made, tuple(dropped), tuple(inside))


def _matches(rule: Rule, names: Iterable[str]) -> dict[str, list[str]]:
    """Target name -> its source names in the rule's order; incomplete groups are left out."""
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        for index, pattern in enumerate(rule.patterns):
            match = pattern.fullmatch(name)
            if match:
                groups.setdefault(rule.target.format(**match.groupdict()), {})[index] = name
    whole = len(rule.sources)
    return {
        target: [found[index] for index in range(whole)]
        for target, found in groups.items()
        if len(found) == whole
    }


def _assemble(parts: list[Stored], rule: Rule) -> Readable | None:
    """Put the parts behind one tensor; None when their shapes do not allow it."""
    first = parts[0].info
    shape = first.shape
    if len(parts) > 1:
        if any(p.info.dtype != first.dtype or p.info.shape[1:] != shape[1:] for p in parts):
            return None
        if not shape or not all(part.info.shape for part in parts):
            return None
        shape = (sum(part.info.shape[0] for part in parts), *shape[1:])
    if rule.transpose:
        if len(shape) != 2:
            return None
        shape = shape[::-1]
    if rule.scalar and prod(shape) == 1:
        shape = ()
    if len(parts) == 1 and shape == first.shape and not rule.transpose:
        return parts[0]
    return Assembled(tuple(parts), TensorInfo(shape, first.dtype), rule.transpose)
