"""The safetensors header, parsed strictly: what readers disagree about is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opening import error_of
from safetensors.numpy import save_file
from torch import nn

from clipguard.checkpoint import open_checkpoint
from clipguard.core.exits import Exit

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def write(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


HEADERS = {
    "no JSON": (b"{nonsense", "safetensors.header"),
    "no UTF-8": (b'{"\xff": 1}', "safetensors.header"),
    "nested arrays": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "safetensors.header"),
    "huge number": (b'{"a":' + b"9" * 10_000 + b"}", "safetensors.header"),
    "empty": ({}, "input.no_tensors"),
    "only metadata": ({"__metadata__": {"a": "b"}}, "input.no_tensors"),
    "no description": ({"a": 1}, "safetensors.layout"),
    "extra field": ({"a": {**F32, "x": 1}}, "safetensors.layout"),
    "unknown type": ({"a": {**F32, "dtype": "F33"}}, "safetensors.layout"),
    "type lies": ({"a": {**F32, "dtype": "F64"}}, "safetensors.layout"),
    "negative size": ({"a": {**F32, "shape": [-2]}}, "safetensors.layout"),
    "fractional size": ({"a": {**F32, "shape": [2.0]}}, "safetensors.layout"),
    "true as size": ({"a": {**F32, "shape": [True]}}, "safetensors.layout"),
    "overflow": ({"a": {**F32, "shape": [2**40, 2**40]}}, "safetensors.layout"),
    "backwards": ({"a": {**F32, "data_offsets": [8, 0]}}, "safetensors.layout"),
    "gap": ({"a": {**F32, "data_offsets": [8, 16]}}, "safetensors.layout"),
    "overlap": (
        {"a": {**F32, "data_offsets": [0, 8]}, "b": {**F32, "data_offsets": [4, 12]}},
        "safetensors.layout",
    ),
    "many axes": ({"a": {**F32, "shape": [1] * 100 + [2]}}, "safetensors.layout"),
}


@pytest.mark.parametrize(("header", "code"), HEADERS.values(), ids=HEADERS)
def test_headers_that_lie(header: Any, code: str, tmp_path: Path) -> None:
    error = error_of(write(tmp_path / "m.safetensors", header, bytes(16)))
    assert error.code == code
    assert error.exit is Exit.ERROR
    assert error.remedy


@pytest.mark.parametrize("length", [1 << 40, (1 << 64) - 1])
def test_header_longer_than_the_file(length: int, tmp_path: Path) -> None:
    error = error_of(write(tmp_path / "m.safetensors", {"a": F32}, bytes(8), length=length))
    assert error.code == "file.truncated"


def test_header_beyond_the_limit(tmp_path: Path) -> None:
    padded = json.dumps({"a": F32}).encode() + b" " * (17 << 20)
    assert error_of(write(tmp_path / "m", padded, bytes(8))).code == "safetensors.header"


def test_too_many_tensors_are_counted_before_they_are_parsed(tmp_path: Path) -> None:
    entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = "{" + ",".join(f'"t{i}":{entry}' for i in range(100_000)) + "}"
    assert error_of(write(tmp_path / "m", header.encode())).code == "tensor.too_many"


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}',
    ],
)
def test_duplicate_keys_are_refused(header: bytes, tmp_path: Path) -> None:
    error = error_of(write(tmp_path / "m", header, bytes(8)))
    assert error.code == "safetensors.duplicate_key"
    assert error.exit is Exit.INCONCLUSIVE


def test_header_length_that_reads_as_a_pickle(tmp_path: Path) -> None:
    """Byte nine is a brace, the rest an attack: whoever unpickles the file runs it."""
    attack = b"\x80\x04\x95aaaaa{aa" + b"cos\nsystem\n(S'touch CANARY'\ntR."
    (tmp_path / "m").write_bytes(attack)
    assert error_of(tmp_path / "m").exit is Exit.FINDING


@pytest.mark.parametrize("change", [-1, -1000, 1])
def test_data_of_another_length(change: int, vit: nn.Module, tmp_path: Path) -> None:
    state = {name: value.numpy() for name, value in vit.state_dict().items()}
    save_file(state, tmp_path / "m.safetensors")
    data = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(data[:change] if change < 0 else data + b"x")
    code = "file.truncated" if change < 0 else "safetensors.layout"
    error = error_of(tmp_path / "m.safetensors")
    assert error.code == code
    assert error.exit is Exit.ERROR


@pytest.mark.parametrize(
    "name", ["<script>", "a\x1b[2J", "evil\u202etxt", "new\nline", "x" * 10**6]
)
def test_hostile_names_are_escaped_and_noted(name: str, vit: nn.Module, tmp_path: Path) -> None:
    state = {key: value.numpy() for key, value in vit.state_dict().items()}
    save_file({**state, name: np.zeros(3, np.float32)}, tmp_path / "m")
    notes = {note.code: note.text for note in open_checkpoint(tmp_path / "m").notes}
    told = " ".join(notes.values())
    assert not {"\x1b", "\u202e", "\n"} & set(told)
    assert len(told) < 1000
    assert ("name.unsafe" in notes) == (name != "<script>")
