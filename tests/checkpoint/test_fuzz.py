"""Damaged files: whatever the bytes, the answer is a checkpoint or one of clipguard's errors."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.machine import walk
from clipguard.core.errors import ClipguardError

QUICK = settings(
    deadline=2000,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CONFIG = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 8, "patch_size": 4, "layers": 1, "width": 8},
    "text_cfg": {"context_length": 3, "vocab_size": 5, "width": 8, "heads": 1, "layers": 1},
}
STATE = {name: torch.ones(shape) for name, shape in expected_shapes(CONFIG).items()}


def zipped() -> bytes:
    file = io.BytesIO()
    torch.save({"state_dict": STATE, "epoch": 1}, file)
    return file.getvalue()


def legacy() -> bytes:
    file = io.BytesIO()
    torch.save(STATE, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def safe(folder: Path) -> bytes:
    save_file(STATE, folder / "m")
    return (folder / "m").read_bytes()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {
        "zip": zipped(),
        "legacy": legacy(),
        "safetensors": safe(tmp_path_factory.mktemp("fuzz")),
    }


def read(data: bytes, folder: Path) -> None:
    path = folder / "fuzzed"
    path.write_bytes(data)
    failure: ClipguardError | None = None
    try:
        checkpoint = open_checkpoint(path)
        for name in checkpoint.tensors.infos():
            checkpoint.tensors.read(name)
    except ClipguardError as error:
        failure = error
    if failure is not None:
        assert failure.code
        assert failure.remedy
        assert "\n" not in str(failure)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@QUICK
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes(
    kind: str, originals: dict[str, bytes], tmp_path: Path, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(originals[kind])
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    read(bytes(data), tmp_path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@QUICK
@given(cut=st.floats(0, 1), more=st.binary(max_size=40))
def test_cut_and_continued(
    kind: str, originals: dict[str, bytes], tmp_path: Path, cut: float, more: bytes
) -> None:
    data = originals[kind]
    read(data[: int(cut * len(data))] + more, tmp_path)


@QUICK
@given(data=st.binary(min_size=1, max_size=200))
def test_any_bytes(data: bytes, tmp_path: Path) -> None:
    read(data, tmp_path)


OPERATIONS = [
    b"(", b".", b"0", b"1", b"2", b"N", b"Q", b"R", b"a", b"b", b"d", b"e", b"l", b"o", b"s", b"t",
    b"u", b"}", b"]", b")", b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x8f", b"\x90", b"\x91",
    b"\x92", b"\x93", b"\x94", b"K\x01", b"h\x00", b"q\x00", b"\x8c\x01a", b"X\x02\x00\x00\x00os",
    b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
    b"cargparse\nNamespace\n", b"\x82\x01", b"I1\n", b"S'a'\n", b"G\x3f\xf0\0\0\0\0\0\0", b"P1\n",
    b"ctorch.jit._pickle\nrestore_type_tag\n", b"ctorch.storage\n_load_from_bytes\n", b"C\x02N.",
]  # fmt: skip


@settings(deadline=2000, max_examples=600)
@given(program=st.lists(st.sampled_from(OPERATIONS), max_size=40).map(b"".join))
def test_any_program_of_operations(program: bytes) -> None:
    result = walk(program + b".", member="m", where="f")
    assert 0 <= result.end <= len(program) + 1


@QUICK
@given(program=st.lists(st.sampled_from(OPERATIONS), max_size=40).map(b"".join))
def test_any_program_as_a_checkpoint(program: bytes, tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", program + b".")
        archive.writestr("m/data/0", struct.pack("<4f", *np.arange(4)))
    read(file.getvalue(), tmp_path)
