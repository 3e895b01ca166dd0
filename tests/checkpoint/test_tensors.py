"""Tensors that claim too much, or are of a kind that holds no plain values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from opening import error_of
from torch import Tensor, nn

from clipguard.checkpoint import open_checkpoint
from clipguard.core.exits import Exit


def with_weight(vit: nn.Module, value: Any, folder: Path, name: str = "ln_final.weight") -> Path:
    torch.save({**vit.state_dict(), name: value}, folder / "m.pt")
    return folder / "m.pt"


class Subclass(torch.Tensor):
    pass


KINDS: dict[str, Callable[[], Tensor]] = {
    "meta": lambda: torch.empty(64, device="meta"),
    "sparse": lambda: torch.eye(64).to_sparse(),
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(64), 0.1, 0, torch.qint8),
    "complex": lambda: torch.zeros(64, dtype=torch.complex64),
    "conjugated": lambda: torch.zeros(64, dtype=torch.complex64).conj(),
    "negated": lambda: torch._neg_view(torch.ones(64)),
    "integer": lambda: torch.zeros(64, dtype=torch.int8),
    "eight bits": lambda: torch.zeros(64).to(torch.float8_e4m3fn),
    "boolean": lambda: torch.zeros(64, dtype=torch.bool),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_kinds_that_hold_no_plain_floats(
    make: Callable[[], Tensor], vit: nn.Module, tmp_path: Path
) -> None:
    error = error_of(with_weight(vit, make(), tmp_path))
    assert error.code == "tensor.kind"
    assert error.exit is Exit.INCONCLUSIVE
    assert "ln_final.weight" in error.what


def test_subclass_is_refused_and_its_class_never_imported(vit: nn.Module, tmp_path: Path) -> None:
    value = torch.zeros(64).as_subclass(Subclass)
    assert error_of(with_weight(vit, value, tmp_path)).exit is Exit.INCONCLUSIVE


def test_parameter_with_attributes_is_a_tensor(vit: nn.Module, tmp_path: Path) -> None:
    value = nn.Parameter(torch.arange(64.0))
    value.note = "kept"
    checkpoint = open_checkpoint(with_weight(vit, value, tmp_path))
    np.testing.assert_array_equal(checkpoint.tensors.read("ln_final.weight"), np.arange(64.0))


def test_tensor_with_attributes_is_a_tensor(vit: nn.Module, tmp_path: Path) -> None:
    value = torch.arange(64.0)
    value.note = "kept"
    checkpoint = open_checkpoint(with_weight(vit, value, tmp_path))
    np.testing.assert_array_equal(checkpoint.tensors.read("ln_final.weight"), np.arange(64.0))


def test_untyped_storages_of_newer_types_are_understood(vit: nn.Module, tmp_path: Path) -> None:
    value = torch.zeros(6, dtype=torch.uint16)
    checkpoint = open_checkpoint(with_weight(vit, value, tmp_path, "counts"))
    assert "counts" in next(n.text for n in checkpoint.notes if n.code == "tensor.dropped")


def test_shape_with_a_size_object(vit: nn.Module, tmp_path: Path) -> None:
    content = {
        "state_dict": vit.state_dict(),
        "size": torch.Size([2, 3]),
        "on": torch.device("cpu"),
    }
    torch.save(content, tmp_path / "m.pt")
    assert open_checkpoint(tmp_path / "m.pt").format == "torch-zip"


def test_odd_kinds_beside_the_weights_do_no_harm(vit: nn.Module, tmp_path: Path) -> None:
    state = {"state_dict": vit.state_dict(), "extra": torch.eye(3).to_sparse()}
    torch.save(state, tmp_path / "m.pt")
    assert open_checkpoint(tmp_path / "m.pt").format == "torch-zip"


def test_logical_bomb(vit: nn.Module, tmp_path: Path) -> None:
    bomb = torch.zeros(1).expand(10**12)
    error = error_of(with_weight(vit, bomb, tmp_path))
    assert error.code == "tensor.logical_bomb"
    assert error.exit is Exit.INCONCLUSIVE


def test_small_expansion_is_harmless(vit: nn.Module, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(with_weight(vit, torch.ones(1).expand(64), tmp_path))
    np.testing.assert_array_equal(checkpoint.tensors.read("ln_final.weight"), np.ones(64))


@pytest.mark.parametrize("name", ["data/1", "data/7"])
def test_view_beyond_its_storage(name: str, state_file: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(state_file) as old, zipfile.ZipFile(tmp_path / "m.pt", "w") as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item.filename, data[:-4] if item.filename.endswith(name) else data)
    assert error_of(tmp_path / "m.pt").code == "file.truncated"


def test_offset_beyond_its_storage(vit: nn.Module, tmp_path: Path) -> None:
    """The pickle itself lies: sizes in it are patched, the archive is written anew."""
    import zipfile

    marker = torch.arange(77.0)
    path = with_weight(vit, marker[:64], tmp_path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "l.pt", "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith("data.pkl"):
                patched = data.replace(b"K\x4dtq", b"K\x4dtq", 1)
                start = data.index(b"K\x4dt")
                patched = data[:start] + data[start:].replace(
                    b"K\x00K\x40\x85", b"K\x30K\x40\x85", 1
                )
                assert patched != data
                data = patched
            new.writestr(item.filename, data)
    assert error_of(tmp_path / "l.pt").code == "tensor.out_of_range"
