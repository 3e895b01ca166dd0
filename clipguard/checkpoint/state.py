"""Where in a checkpoint's values the weights are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from clipguard.checkpoint.tensors import Stored
from clipguard.checkpoint.torch_values import Memory, is_tensor, stored_tensor
from clipguard.checkpoint.values import attributes, mapping
from clipguard.config import toml
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.resources import rules
from clipguard.core.results import Note
from clipguard.core.text import printable

MOST_TENSORS = 20_000
LONGEST_NAME = 512
DEEPEST_MODULE = 64


@cache
def _rules() -> dict[str, list[str]]:
    return toml.load(rules("reading", "state.toml"))


def state_dict(value: object, where: str) -> tuple[dict[str, object], str]:
    """The mapping of names to tensors, and the path of keys that led to it.

    Raises:
        InputError: there is none.
    """
    path: list[str] = []
    for _ in range(4):
        items = mapping(value)
        if items is None:
            break
        key = _richer_key(items)
        if key is None:
            here = {name: item for name, item in items.items() if is_tensor(item)}
            if here:
                return here, ".".join(path)
            break
        path.append(key)
        value = items[key]
    raise InputError(
        "input.no_tensors",
        "holds no model weights",
        where=where,
        remedy="give the file that holds the model's state_dict",
    )


def _richer_key(items: Mapping[str, object]) -> str | None:
    """The key under which there are more tensors than in ``items`` itself; usual keys win.

    Training scripts keep single tensors, such as a generator's state, beside the weights.
    """
    seen: dict[int, int] = {}
    counts = {key: _tensors_in(item, seen) for key, item in items.items()}
    here = sum(map(is_tensor, items.values()))
    richer = [k for k in counts if counts[k] > here and k not in _rules()["not_weights"]]
    usual = [key for key in _rules()["keys"] if key in richer]
    return usual[0] if usual else max(richer, key=lambda key: counts[key], default=None)


def _tensors_in(value: object, seen: dict[int, int], levels: int = 3) -> int:
    """Tensors in a mapping, or in the mappings inside it; each is counted once."""
    items = mapping(value)
    if items is None or id(value) in seen:
        return seen.get(id(value), 0)
    seen[id(value)] = here = sum(map(is_tensor, items.values()))
    if not here and levels:
        inner = (_tensors_in(item, seen, levels - 1) for item in items.values())
        seen[id(value)] = max(inner, default=0)
    return seen[id(value)]


def without_prefixes(names: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Stored names -> names without what wrappers put in front, and the prefixes taken off."""
    short = {name: name for name in names}
    removed: list[str] = []
    while True:
        counts = {
            prefix: sum(name.startswith(prefix) for name in short.values())
            for prefix in _rules()["prefixes"]
        }
        prefix = max(counts, key=lambda prefix: counts[prefix])
        if counts[prefix] * 2 <= len(short):
            return short, tuple(removed)
        short = {stored: name.removeprefix(prefix) for stored, name in short.items()}
        removed.append(prefix)


def module_tensors(value: object, where: str) -> dict[str, object]:
    """The tensors in a TorchScript module's tree of attributes, under dotted names.

    Raises:
        RefusedError: the tree is deeper or wider than any model's.
    """
    found: dict[str, object] = {}
    stack: list[tuple[str, int, object]] = [("", 0, value)]
    while stack:
        prefix, depth, module = stack.pop()
        for name, item in (attributes(module) or {}).items():
            if is_tensor(item):
                found[prefix + name] = item
            elif attributes(item) is not None:
                stack.append((f"{prefix}{name}.", depth + 1, item))
        if depth > DEEPEST_MODULE or len(stack) > MOST_TENSORS:
            raise RefusedError("pickle.limits", "modules nested too deep", where=where)
        check_count(len(found), where)
    return found


def stored(values: Mapping[str, object], memory: Memory) -> dict[str, Stored]:
    """Every tensor with its place in the file.

    Raises:
        ClipguardError: a tensor is of an unreadable kind, or contradicts its storage.
    """
    check_count(len(values), memory.source.where)
    return {name: stored_tensor(name, value, memory) for name, value in values.items()}


def check_count(count: int, where: str) -> None:
    """Raises RefusedError above the number of tensors that clipguard handles."""
    if count > MOST_TENSORS:
        raise RefusedError(
            "tensor.too_many",
            f"{count} tensors, at most {MOST_TENSORS}",
            where=where,
            remedy="no CLIP model has that many; check the file",
        )


def name_notes(names: Mapping[str, object]) -> tuple[Note, ...]:
    """Names that could mislead whoever reads them."""
    unsafe = [name for name in names if printable(name, LONGEST_NAME) != name]
    if not unsafe:
        return ()
    text = f"{len(unsafe)} tensor names are escaped when shown, first {printable(unsafe[0])}"
    return (Note(code="name.unsafe", text=text),)
