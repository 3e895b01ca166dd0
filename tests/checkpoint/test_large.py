"""Large models cost the hash of their bytes and little else."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
import tracemalloc
from math import prod
from pathlib import Path

import pytest

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.known import all_configs
from clipguard.checkpoint.source import Source


def of_zeros(architecture: str, path: Path) -> Path:
    """Zeros that take no room on a disk, behind a real header."""
    header, place = {}, 0
    for name, shape in expected_shapes(all_configs()[architecture]).items():
        size = 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + place)
    return path


def test_vit_l_14_is_recognised_in_seconds_and_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_zeros("ViT-L-14", tmp_path / "vit_l_14.safetensors")  # 1.7 GB
    monkeypatch.setattr(Source, "_digest", lambda self: "0" * 64)  # the hash is not the question
    tracemalloc.start()
    start = time.perf_counter()
    checkpoint = open_checkpoint(path)
    checkpoint.tensors.read("token_embedding.weight")
    spent = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [c.name for c in checkpoint.candidates] == ["ViT-L-14", "ViT-L-14-quickgelu"]
    assert checkpoint.artifact.size_bytes > 1.6e9
    assert spent < 5
    assert peak < 64 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_reading_every_tensor_keeps_none_of_them(tmp_path: Path) -> None:
    """Whoever copies a model tensor by tensor holds its weights once, not its file as well."""
    path = of_zeros("ViT-B-32", tmp_path / "vit_b_32.safetensors")  # 0.6 GB
    program = (
        "import sys; from clipguard.checkpoint import open_checkpoint\n"
        "tensors = open_checkpoint(sys.argv[1]).tensors\n"
        "assert sum(tensors.read(name).any() for name in tensors.infos()) == 0\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    largest = 49408 * 512 * 4  # the token embedding
    assert int(ended.stdout) * 1024 < largest + (100 << 20)
