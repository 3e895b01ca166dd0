"""What a file is, by its bytes alone: a name's ending proves nothing."""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from enum import Enum

from clipguard.checkpoint.archive import find_end
from clipguard.checkpoint.opcodes import can_start
from clipguard.checkpoint.safetensors_file import header_length
from clipguard.checkpoint.source import Source
from clipguard.core.errors import ClipguardError, InputError, RefusedError
from clipguard.core.text import printable

_HEAD = 4096
_AGAIN = "download the file again"


class Format(Enum):
    """The formats that hold, or could hold, a checkpoint."""

    ZIP = "zip"
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    TAR = "tar"
    INDEX = "index"


def sniff(source: Source) -> Format:
    """Recognise a file by content.

    Raises:
        InputError: it is something else, which the message names.
        RefusedError: it is an archive around something else.
    """
    head = source.data[:_HEAD]
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Format.ZIP
    if header_length(head) is not None:
        return Format.SAFETENSORS
    if len(head) > 262 and head[257:262] == b"ustar":
        return Format.TAR
    if head[:1] == b"{" and b'"weight_map"' in source.data[: 16 << 20]:
        return Format.INDEX
    other = _something_else(source, head)
    if other is not None:
        raise other
    if can_start(head[0]) or find_end(source.data) >= 0:
        return Format.PICKLE
    raise not_a_model(source)


def not_a_model(source: Source) -> InputError:
    """The error for what is neither a checkpoint nor any other format known by name."""
    text = _is_text(source.data[:_HEAD])
    return _not_a_model(source, "plain text" if text else "data of no known format")


def _something_else(source: Source, head: bytes) -> ClipguardError | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"version https://git-lfs"):
        return _lfs(source, head)
    if re.match(rb"<(!doctype html|html|head|body|script|!--)", start):
        return _not_a_model(source, "a web page, probably a login or an error")
    if start.startswith(b"<"):
        return _not_a_model(source, "an XML document, probably an error message")
    if start[:1] in (b"{", b"[") and (answer := _json(source)) is not None:
        return _not_a_model(source, f"a JSON document{answer}")
    if start.startswith(b"%pdf"):
        return _not_a_model(source, "a PDF document")
    if head.startswith(_PACKED):
        return RefusedError(
            "format.archive", "a packed archive", where=source.where,
            remedy="unpack it and give the model file inside",
        )  # fmt: skip
    if (head[:1] == b"\x08" and b"onnx" in head.lower()) or _ONNX.match(head):
        return _not_a_model(source, "an ONNX graph", "give the checkpoint it was exported from")
    if head.startswith(b"\x89HDF"):
        return _not_a_model(source, "an HDF5 file", "give a PyTorch or safetensors checkpoint")
    return None


_PACKED = (
    b"\x1f\x8b",
    b"7z\xbc\xaf\x27\x1c",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"Rar!",
)
_ONNX = re.compile(rb"\x08[\x01-\x20]\x12.[A-Za-z0-9._ -]{3,}")


def _json(source: Source) -> str | None:
    """Whether a small file is JSON; what it says about an error."""
    if source.size > 1 << 20:
        return None
    try:
        table = json.loads(source.data[:])
    except (ValueError, RecursionError):
        return None
    message = table.get("error") or table.get("message") if isinstance(table, dict) else None
    return f" saying: {printable(str(message))}" if message else ""


def _lfs(source: Source, head: bytes) -> InputError:
    text = head.decode("utf-8", "replace")
    oid, size = re.search(r"oid (sha256:[0-9a-f]+)", text), re.search(r"size (\d+)", text)
    told = f" to {oid[1][:23]}..., {size[1]} bytes" if oid and size else ""
    return InputError(
        "file.lfs_pointer",
        f"a git-lfs pointer{told}, not the model",
        where=source.where,
        remedy="run git lfs pull",
    )


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head)  # the end may cut a letter in two
    except UnicodeDecodeError:
        return False
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n" for letter in text)


def _not_a_model(source: Source, what: str, remedy: str = _AGAIN) -> InputError:
    return InputError("file.not_a_model", f"this is {what}", where=source.where, remedy=remedy)
