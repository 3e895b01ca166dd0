"""Tiny CLIP models in every format, built when a test asks for them."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from clipguard.model import compat

sys.path.insert(0, str(Path(__file__).parent))

TEXT = {"context_length": 12, "vocab_size": 600, "width": 64, "heads": 1, "layers": 2}
CONFIGS = {
    "vit": {
        "embed_dim": 32,
        "quick_gelu": False,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
        "text_cfg": TEXT,
    },
    "resnet": {
        "embed_dim": 32,
        "quick_gelu": False,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8},
        "text_cfg": TEXT,
    },
}


@pytest.fixture(scope="session")
def configs() -> dict[str, dict]:
    return CONFIGS


def make(config: dict, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = compat.open_clip().CLIP(**config).eval()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point() and name != "attn_mask":
                noise = torch.randn_like(value) * 0.1
                value.copy_(value + (noise.abs() if name.endswith("var") else noise))
    return model


@pytest.fixture(scope="session")
def new_model() -> Callable[..., nn.Module]:
    """``open_clip.CLIP`` of a configuration, with values that no default could match."""
    return make


@pytest.fixture(scope="session", params=["vit", "resnet"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    return make(CONFIGS[request.param])


@pytest.fixture(scope="session")
def vit() -> nn.Module:
    return make(CONFIGS["vit"])


@pytest.fixture
def state_file(vit: nn.Module, tmp_path: Path) -> Path:
    """A bare state_dict as torch saves it today."""
    path = tmp_path / "model.pt"
    torch.save(vit.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def pixels() -> torch.Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def tokens() -> torch.Tensor:
    """Three texts; the highest token, at which CLIP pools, ends each."""
    ids = torch.randint(1, 598, (3, 12), generator=torch.Generator().manual_seed(2))
    for row, end in enumerate((4, 7, 11)):
        ids[row, end] = 599
        ids[row, end + 1 :] = 0
    return ids


@pytest.fixture
def evil_pickle(evil: object) -> bytes:
    data = pickle.dumps(evil, protocol=2)
    assert b"system" in data
    return data


def central_entries(data: bytes) -> list[tuple[int, str]]:
    """Offset and name of every directory entry of a zip archive."""
    end = data.rfind(b"PK\x05\x06")
    count, _, place = struct.unpack_from("<HLL", data, end + 10)
    found = []
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", data, place + 28)
        found.append((place, data[place + 46 : place + 46 + name].decode()))
        place += 46 + name + extra + comment
    return found


@pytest.fixture(scope="session")
def entries() -> Callable[[bytes], list[tuple[int, str]]]:
    return central_entries
