"""The safetensors format: a JSON header, then raw values. Parsed here, strictly.

Readers differ on headers with duplicate keys, so those are refused rather than interpreted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from math import prod

from clipguard.checkpoint.contents import Contents, Judgement, walk_all
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.state import MOST_TENSORS, check_count
from clipguard.checkpoint.tensors import Stored, item_size, row_major
from clipguard.checkpoint.types import TensorInfo
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.text import printable

LARGEST_HEADER = 16 << 20
_AGAIN = "download the file again"
_DTYPES: Mapping[str, str] = {
    "BF16": "bfloat16", "BOOL": "bool", "C64": "complex64", "F16": "float16", "F32": "float32",
    "F64": "float64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I16": "int16",
    "I32": "int32", "I64": "int64", "I8": "int8", "U16": "uint16", "U32": "uint32",
    "U64": "uint64", "U8": "uint8",
}  # fmt: skip


def header_length(head: bytes) -> int | None:
    """The length of the JSON header when ``head`` starts like safetensors; else None."""
    return int.from_bytes(head[:8], "little") if head[8:9] == b"{" else None


def read_safetensors(source: Source) -> Contents:
    """Check the header and place every tensor.

    Raises:
        InputError: the header is no header, or contradicts the file's length or itself.
        RefusedError: duplicate keys, or too many tensors.
    """
    _refuse_pickle(source)
    length = header_length(source.data[:9]) or 0
    if length > source.size - 8:
        raise InputError(
            "file.truncated",
            f"the header needs {length} bytes, the file holds {source.size - 8}",
            where=source.where,
            remedy=_AGAIN,
        )
    table = _header(source, length)
    table.pop("__metadata__", None)
    if not table:
        raise InputError("input.no_tensors", "holds no tensors", where=source.where, remedy=_AGAIN)
    check_count(len(table), source.where)
    tensors = {name: _tensor(source, name, entry, 8 + length) for name, entry in table.items()}
    _check_packing(source, tensors, 8 + length)
    return Contents(
        sources=(source,),
        format="safetensors",
        where=source.where,
        tensors=tensors,
        evidence=(f"safetensors header of {length} bytes",),
    )


def _refuse_pickle(source: Source) -> None:
    """The length in front of a header may read as the start of a pickle."""
    judgement = Judgement(source)
    walk_all(source.data, "the file", source.where, judgement)
    judgement.decide()


def _header(source: Source, length: int) -> dict[str, object]:
    raw = source.data[8 : 8 + min(length, 100 << 20)]
    if raw.count(b'"dtype"') > MOST_TENSORS:
        check_count(raw.count(b'"dtype"'), source.where)
    if length > LARGEST_HEADER:
        raise _bad_header(source, f"{length} bytes long, at most {LARGEST_HEADER}")
    try:
        table = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except _DuplicateKeyError as error:
        raise RefusedError(
            "safetensors.duplicate_key",
            f"the header names {printable(str(error))} twice, and readers differ on which counts",
            where=source.where,
            remedy="obtain the file again from its publisher",
        ) from None
    except (ValueError, RecursionError):
        raise _bad_header(source, "no JSON") from None
    if not isinstance(table, dict):
        raise _bad_header(source, "no JSON object")
    return table


class _DuplicateKeyError(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _DuplicateKeyError(counts.most_common(1)[0][0])
    return table


def _tensor(source: Source, name: str, entry: object, start: int) -> Stored:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _bad_layout(source, name, "is not described")
    shape, dtype = _sizes(entry["shape"]), _DTYPES.get(str(entry["dtype"]))
    offsets = _sizes(entry["data_offsets"])
    if shape is None or dtype is None or offsets is None or len(offsets) != 2:
        raise _bad_layout(source, name, "has an impossible description")
    begin, end = offsets
    if end - begin != prod(shape) * item_size(dtype):
        raise _bad_layout(source, name, f"claims {prod(shape)} values in {end - begin} bytes")
    return Stored(source, TensorInfo(shape, dtype), start + begin, row_major(shape))


def _sizes(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or len(value) > 64:
        return None
    if any(not isinstance(size, int) or isinstance(size, bool) or size < 0 for size in value):
        return None
    return tuple(value)


def _check_packing(source: Source, tensors: Mapping[str, Stored], start: int) -> None:
    """Tensors fill the rest of the file, one behind the other."""
    place = start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].offset, _size(item[1]))):
        if tensor.offset != place:
            raise _bad_layout(source, name, "overlaps another tensor or leaves a gap")
        place += _size(tensor)
    if place > source.size:
        raise InputError(
            "file.truncated",
            f"expected {place} bytes, got {source.size}",
            where=source.where,
            remedy=_AGAIN,
        )
    if place < source.size:
        raise InputError(
            "safetensors.layout",
            f"{source.size - place} bytes follow the last tensor",
            where=source.where,
            remedy=_AGAIN,
        )


def _size(tensor: Stored) -> int:
    return prod(tensor.info.shape) * item_size(tensor.info.dtype)


def _bad_header(source: Source, what: str) -> InputError:
    return InputError(
        "safetensors.header", f"the header is {what}", where=source.where, remedy=_AGAIN
    )


def _bad_layout(source: Source, name: str, what: str) -> InputError:
    return InputError(
        "safetensors.layout",
        f"tensor {printable(name)} {what}",
        where=source.where,
        remedy=_AGAIN,
    )
