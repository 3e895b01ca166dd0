"""Large models cost the hash of their bytes and little else."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
from math import prod
from pathlib import Path

import pytest

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.known import all_configs
from clipguard.checkpoint.source import Source


@pytest.fixture
def vit_l_14(tmp_path: Path) -> Path:
    """1.7 GB of zeros that take no room on a disk, behind a real header."""
    header, place = {}, 0
    for name, shape in expected_shapes(all_configs()["ViT-L-14"]).items():
        size = 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    raw = json.dumps(header).encode()
    path = tmp_path / "vit_l_14.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + place)
    return path


def test_vit_l_14_is_recognised_in_seconds_and_little_memory(
    vit_l_14: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Source, "_digest", lambda self: "0" * 64)  # the hash is not the question
    tracemalloc.start()
    start = time.perf_counter()
    checkpoint = open_checkpoint(vit_l_14)
    checkpoint.tensors.read("token_embedding.weight")
    spent = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [c.name for c in checkpoint.candidates] == ["ViT-L-14", "ViT-L-14-quickgelu"]
    assert checkpoint.artifact.size_bytes > 1.6e9
    assert spent < 5
    assert peak < 64 << 20
