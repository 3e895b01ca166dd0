"""What a pickle's values are once nothing may be built from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MARK = object()
DICT, SET, ORDERED = "builtins.dict", "builtins.set", "collections.OrderedDict"
MAPPINGS = frozenset(
    {DICT, ORDERED, "collections.defaultdict", "collections.Counter", "easydict.EasyDict"}
)


@dataclass(frozen=True, slots=True)
class Global:
    """A dotted name; never imported."""

    name: str


@dataclass(slots=True, eq=False)
class Made:
    """What calling ``callee`` would have returned, had anyone called it.

    ``pairs`` were set on it as items of a mapping, ``items`` appended, ``state`` handed to BUILD.
    """

    callee: str
    args: tuple[object, ...] = ()
    pairs: list[tuple[object, object]] = field(default_factory=list)
    items: list[object] = field(default_factory=list)
    state: object = None


@dataclass(frozen=True, slots=True)
class Storage:
    """A tensor's memory: where it lies is up to the container's format.

    ``count`` is in elements of ``dtype``, in bytes when that is ``untyped``.
    """

    key: str
    dtype: str
    count: int


def mapping(value: object) -> dict[str, object] | None:
    """The text-keyed items of a dictionary-like value, the last of equal keys; else None."""
    if not isinstance(value, Made) or value.callee not in MAPPINGS:
        return None
    return {key: item for key, item in value.pairs if isinstance(key, str)}


def attributes(value: object) -> dict[str, object] | None:
    """The attributes that BUILD gave to an opaque object; else None."""
    return mapping(value.state) if isinstance(value, Made) else None


def ordered_pairs(args: tuple[object, ...]) -> list[tuple[object, object]] | None:
    """The items that ``OrderedDict(*args)`` starts with; None when that is no list of pairs."""
    if not args:
        return []
    if len(args) != 1 or not isinstance(args[0], list):
        return None
    rows = [row for row in args[0] if isinstance(row, (list, tuple)) and len(row) == 2]
    return [(row[0], row[1]) for row in rows] if len(rows) == len(args[0]) else None


def children(value: object) -> Iterator[object]:
    """The values directly inside a value."""
    if isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, Made):
        yield from value.args
        yield from value.items
        yield value.state
        for pair in value.pairs:
            yield from pair


def depth_and_size(root: object) -> tuple[int, int]:
    """How deep values nest, and how many there would be if shared ones were written out.

    Works without recursion on graphs with cycles; a cycle counts once.
    """
    measured: dict[int, tuple[int, int]] = {}
    stack: list[tuple[object, bool]] = [(root, False)]
    while stack:
        value, done = stack.pop()
        if done:
            inner = [measured.get(id(child), (0, 1)) for child in children(value)]
            deepest = max((depth for depth, _ in inner), default=0)
            measured[id(value)] = (deepest + 1, 1 + sum(size for _, size in inner))
        elif id(value) not in measured:
            measured[id(value)] = (0, 1)
            if isinstance(value, (list, tuple, Made)):
                stack.append((value, True))
                stack += [(child, False) for child in children(value)]
    return measured[id(root)]
