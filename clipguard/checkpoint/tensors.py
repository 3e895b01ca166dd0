"""Tensors that stay in the file until they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from clipguard.checkpoint.source import Source
from clipguard.checkpoint.types import TensorInfo

# NumPy has no bfloat16 and no eight-bit floats: they travel as bit patterns.
NUMPY: Mapping[str, str] = {
    "bfloat16": "<u2",
    "bool": "|b1",
    "complex128": "<c16",
    "complex64": "<c8",
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "float8_e4m3fn": "|u1",
    "float8_e4m3fnuz": "|u1",
    "float8_e5m2": "|u1",
    "float8_e5m2fnuz": "|u1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "int8": "|i1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
    "uint8": "|u1",
}
FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})


def item_size(dtype: str) -> int:
    """Bytes of one element; 1 for types whose values clipguard never reads."""
    return np.dtype(NUMPY[dtype]).itemsize if dtype in NUMPY else 1


class Readable(Protocol):
    """One tensor that can be read."""

    @property
    def info(self) -> TensorInfo:
        """Shape and type."""

    def read(self) -> np.ndarray:
        """Values, possibly as a read-only map of the file."""


@dataclass(frozen=True)
class Stored:
    """A tensor as it lies in a file.

    ``offset`` in bytes from the start of the file, ``strides`` in elements.
    """

    source: Source
    info: TensorInfo
    offset: int
    strides: tuple[int, ...]

    def read(self) -> np.ndarray:
        """Values, as a read-only map of the file; pages of tensors read before are let go.

        Raises:
            RefusedError: the file was written to since it was hashed.
        """
        self.source.unchanged()
        self.source.forget()  # else whoever copies a model tensor by tensor holds it twice
        kind = np.dtype(NUMPY[self.info.dtype])
        if not prod(self.info.shape):
            return np.empty(self.info.shape, kind)
        values: np.ndarray = np.ndarray(
            self.info.shape,
            kind,
            buffer=self.source.data,
            offset=self.offset,
            strides=tuple(step * kind.itemsize for step in self.strides),
        )
        return values


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides, in elements, of a contiguous tensor."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


class NamedTensors:
    """Tensors under names, read one at a time."""

    def __init__(self, tensors: Mapping[str, Readable]) -> None:
        self._tensors = dict(tensors)
        self._infos = {name: tensor.info for name, tensor in self._tensors.items()}

    def infos(self) -> Mapping[str, TensorInfo]:
        """Shapes and types by name."""
        return self._infos

    def read(self, name: str) -> np.ndarray:
        """One tensor's values; bfloat16 as uint16 bit patterns."""
        return self._tensors[name].read()
