"""Opaque pickle values to tensors that lie in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from clipguard.checkpoint.findings import RESAVE
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.tensors import Stored, item_size
from clipguard.checkpoint.types import TensorInfo
from clipguard.checkpoint.values import Global, Made, Storage
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.text import printable

_UTILS = "torch._utils._rebuild_"
_WRAPPED = {f"{_UTILS}parameter", f"{_UTILS}parameter_with_state"}
_PLAIN = {f"{_UTILS}tensor", f"{_UTILS}tensor_v2", f"{_UTILS}tensor_v3"}
_TYPED = "torch._tensor._rebuild_from_type_v2"
_PLAIN_TYPES = {"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter",
                "torch.nn.parameter.Buffer"}  # fmt: skip
_BOMB = 4


@dataclass(frozen=True)
class Memory:
    """Where the storages of a torch file lie: key -> (offset, length), in bytes."""

    source: Source
    regions: Mapping[str, tuple[int, int]]


def is_tensor(value: object) -> bool:
    """Whether a value would be a tensor, of whatever kind."""
    return isinstance(value, Made) and (value.callee.startswith(_UTILS) or value.callee == _TYPED)


def stored_tensor(name: str, value: object, memory: Memory) -> Stored:
    """The tensor that an opaque value describes.

    Raises:
        RefusedError: it is no plain tensor, leaves its storage, or claims more values than the
            file could hold.
        InputError: its storage is missing or cut.
    """
    made = _unwrap(name, value)
    storage, offset, shape, strides = _layout(name, made)
    dtype = _dtype(made, storage)
    size = item_size(dtype)
    start, length = _region(name, storage, size, memory)
    last = sum((extent - 1) * step for extent, step in zip(shape, strides, strict=True))
    if prod(shape) and (offset + last + 1) * size > length:
        raise _refuse("tensor.out_of_range", name, "reaches beyond its storage", memory)
    if prod(shape) * size > _BOMB * memory.source.size:
        raise _refuse("tensor.logical_bomb", name, f"claims {prod(shape)} values", memory)
    return Stored(memory.source, TensorInfo(shape, dtype), start + offset * size, strides)


def _unwrap(name: str, value: object) -> Made:
    """Peel parameters and attribute-carrying tensors down to the plain one."""
    for _ in range(4):
        if not isinstance(value, Made):
            break
        if value.callee in _PLAIN:
            return value
        if value.callee in _WRAPPED and value.args:
            value = value.args[0]
        elif value.callee == _TYPED and len(value.args) == 4:
            value = _retype(name, value.args)
        else:
            break
    raise _kind(name, value.callee if isinstance(value, Made) else "no tensor")


def _retype(name: str, args: tuple[object, ...]) -> object:
    function, kind, inner, _ = args
    if not isinstance(function, Global) or not isinstance(inner, tuple):
        raise _kind(name, "no tensor")
    if not isinstance(kind, Global) or kind.name not in _PLAIN_TYPES:
        raise _kind(name, kind.name if isinstance(kind, Global) else "no tensor")
    return Made(function.name, inner)


def _layout(name: str, made: Made) -> tuple[Storage, int, tuple[int, ...], tuple[int, ...]]:
    if len(made.args) < 4:
        raise _kind(name, made.callee)
    storage, offset, shape, strides = made.args[0], made.args[1], *map(_sizes, made.args[2:4])
    known = isinstance(storage, Storage) and shape is not None and strides is not None
    if not known or not _is_size(offset) or len(shape or ()) != len(strides or ()):
        raise _kind(name, made.callee)
    if made.callee.endswith("_v2") and len(made.args) > 6 and _flags(made.args[6]):
        raise _kind(name, "a conjugated or negated view")
    return storage, offset, shape, strides  # type: ignore[return-value]  # checked just above


def _sizes(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Made) and value.callee == "torch.Size" and len(value.args) == 1:
        value = value.args[0]
    if not isinstance(value, (tuple, list)) or not all(map(_is_size, value)):
        return None
    return tuple(value)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60


def _flags(metadata: object) -> bool:
    return isinstance(metadata, Made) and bool(metadata.pairs)


def _dtype(made: Made, storage: Storage) -> str:
    if made.callee.endswith("_v3") and len(made.args) > 6 and isinstance(made.args[6], Global):
        return made.args[6].name.removeprefix("torch.")
    return storage.dtype


def _region(name: str, storage: Storage, size: int, memory: Memory) -> tuple[int, int]:
    if storage.key not in memory.regions:
        raise InputError(
            "file.truncated",
            f"the storage of tensor {printable(name)} is missing",
            where=memory.source.where,
            remedy="download the file again",
        )
    start, length = memory.regions[storage.key]
    declared = storage.count * (1 if storage.dtype == "untyped" else size)
    if declared > length:
        raise InputError(
            "file.truncated",
            f"tensor {printable(name)} needs {declared} bytes of storage, the file holds {length}",
            where=memory.source.where,
            remedy="download the file again",
        )
    return start, length


def _kind(name: str, what: str) -> RefusedError:
    return RefusedError(
        "tensor.kind", f"tensor {printable(name)} is no plain tensor: {printable(what)}",
        remedy=RESAVE,
    )  # fmt: skip


def _refuse(code: str, name: str, what: str, memory: Memory) -> RefusedError:
    return RefusedError(
        code, f"tensor {printable(name)} {what}", where=memory.source.where, remedy=RESAVE
    )
