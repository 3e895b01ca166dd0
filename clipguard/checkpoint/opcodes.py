"""The 68 opcodes of pickle protocols 0 to 5, and how their arguments lie in the bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from mmap import mmap

from clipguard.core.errors import InputError, RefusedError

Buffer = bytes | memoryview | mmap
LONGEST_STRING = 16 << 20
LONGEST_LINE = 1 << 16
_USUAL_LINE = 128

_NO_ARGUMENT = {
    "(": "MARK", ".": "STOP", "0": "POP", "1": "POP_MARK", "2": "DUP", "N": "NONE",
    "Q": "BINPERSID", "R": "REDUCE", "a": "APPEND", "b": "BUILD", "d": "DICT", "e": "APPENDS",
    "l": "LIST", "o": "OBJ", "s": "SETITEM", "t": "TUPLE", "u": "SETITEMS", "}": "EMPTY_DICT",
    "]": "EMPTY_LIST", ")": "EMPTY_TUPLE", "\x81": "NEWOBJ", "\x85": "TUPLE1", "\x86": "TUPLE2",
    "\x87": "TUPLE3", "\x88": "NEWTRUE", "\x89": "NEWFALSE", "\x8f": "EMPTY_SET",
    "\x90": "ADDITEMS", "\x91": "FROZENSET", "\x92": "NEWOBJ_EX", "\x93": "STACK_GLOBAL",
    "\x94": "MEMOIZE", "\x97": "NEXT_BUFFER", "\x98": "READONLY_BUFFER",
}  # fmt: skip
_FIXED = {
    "\x80": ("PROTO", "<B"), "J": ("INT", "<i"), "K": ("INT", "<B"), "M": ("INT", "<H"),
    "G": ("FLOAT", ">d"), "h": ("GET", "<B"), "j": ("GET", "<I"), "q": ("PUT", "<B"),
    "r": ("PUT", "<I"), "\x82": ("EXT", "<B"), "\x83": ("EXT", "<H"), "\x84": ("EXT", "<i"),
    "\x95": ("FRAME", "<Q"),
}  # fmt: skip
_COUNTED = {
    "\x8a": ("LONG", "<B"), "\x8b": ("LONG", "<i"),
    "T": ("STRING", "<i"), "U": ("STRING", "<B"), "B": ("BYTES", "<I"), "C": ("BYTES", "<B"),
    "\x8e": ("BYTES", "<Q"), "\x96": ("BYTES", "<Q"),
    "X": ("TEXT", "<I"), "\x8c": ("TEXT", "<B"), "\x8d": ("TEXT", "<Q"),
}  # fmt: skip
_LINES = {
    "F": "FLOAT_LINE", "I": "INT_LINE", "L": "INT_LINE", "P": "PERSID", "S": "STRING_LINE",
    "V": "TEXT_LINE", "g": "GET_LINE", "p": "PUT_LINE", "c": "GLOBAL", "i": "INST",
}  # fmt: skip
_TWO_LINES = frozenset({"GLOBAL", "INST"})

Operation = tuple[str, object, int]
_Reader = Callable[[Buffer, int], Operation]


def limit(what: str) -> RefusedError:
    """A pickle asks for more than any honest checkpoint needs."""
    return RefusedError("pickle.limits", what)


def decode(data: Buffer, offset: int) -> Operation:
    """The operation at ``offset``: its name, its argument, and where the next one starts.

    Opcodes that differ only in how they write their argument share a name.

    Raises:
        InputError: the data end inside the operation.
        RefusedError: an unknown opcode, or a string longer than any honest one.
    """
    if offset >= len(data):
        raise _truncated()
    reader = _READERS[data[offset]]
    if reader is None:
        raise RefusedError(
            "pickle.bad_opcode", f"byte {offset} holds no pickle opcode (0x{data[offset]:02x})"
        )
    return reader(data, offset + 1)


def can_start(byte: int) -> bool:
    """Whether a pickle could begin with this byte."""
    return _READERS[byte] is not None


def _truncated() -> InputError:
    return InputError("file.truncated", "the pickle breaks off", remedy="download the file again")


def _plain(name: str) -> _Reader:
    return lambda _, offset: (name, None, offset)


def _fixed(name: str, form: str) -> _Reader:
    layout = struct.Struct(form)

    def read(data: Buffer, offset: int) -> Operation:
        if offset + layout.size > len(data):
            raise _truncated()
        return name, layout.unpack_from(data, offset)[0], offset + layout.size

    return read


def _counted(name: str, form: str) -> _Reader:
    count = _fixed(name, form)

    def read(data: Buffer, offset: int) -> Operation:
        _, length, start = count(data, offset)
        if not isinstance(length, int) or length < 0 or length > LONGEST_STRING:
            raise limit(f"a string of {length} bytes at byte {offset}, at most {LONGEST_STRING}")
        if start + length > len(data):
            raise _truncated()
        return name, bytes(data[start : start + length]), start + length

    return read


def _lines(name: str) -> _Reader:
    def read(data: Buffer, offset: int) -> Operation:
        first, offset = _line(data, offset)
        if name not in _TWO_LINES:
            return name, first, offset
        second, offset = _line(data, offset)
        return name, (first, second), offset

    return read


def _line(data: Buffer, offset: int) -> tuple[bytes, int]:
    for length in (_USUAL_LINE, LONGEST_LINE):
        piece = bytes(data[offset : offset + length])
        end = piece.find(b"\n")
        if end >= 0:
            return piece[:end], offset + end + 1
        if len(piece) < length:
            raise _truncated()
    raise limit(f"a line of more than {LONGEST_LINE} bytes at byte {offset}")


def _table() -> list[_Reader | None]:
    table: list[_Reader | None] = [None] * 256
    for letter, name in _NO_ARGUMENT.items():
        table[ord(letter)] = _plain(name)
    for letter, (name, form) in _FIXED.items():
        table[ord(letter)] = _fixed(name, form)
    for letter, (name, form) in _COUNTED.items():
        table[ord(letter)] = _counted(name, form)
    for letter, name in _LINES.items():
        table[ord(letter)] = _lines(name)
    return table


_READERS = _table()
