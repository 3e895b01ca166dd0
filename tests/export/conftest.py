"""Small models with random weights, of both kinds of image tower."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from clipguard.export.onnx import write_onnx_pair
from clipguard.model import onnx_file
from clipguard.model.openclip import OpenClipModel, new_module
from clipguard.model.seam import ClipSpec

_TEXT = {"context_length": 20, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CONFIGS: dict[str, dict[str, Any]] = {
    "vit": {
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": 48,
            "layers": 2,
            "width": 64,
            "head_width": 32,
            "patch_size": 16,
        },
        "text_cfg": _TEXT,
        "quick_gelu": True,
    },
    "resnet": {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
        "text_cfg": {**_TEXT, "context_length": 77},
    },
}
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


def tiny(kind: str) -> OpenClipModel:
    """The model called ``vit`` or ``resnet``, with weights that are always the same."""
    config = copy.deepcopy(CONFIGS[kind])
    with torch.random.fork_rng():
        torch.manual_seed(7)
        module = new_module(config)
        for name, buffer in module.named_buffers():
            if name.endswith("running_var"):  # fresh ones are all 1 and would hide a mix-up
                buffer.uniform_(0.5, 2.0)
    spec = ClipSpec(
        architecture=f"tiny-{kind}",
        image_size=config["vision_cfg"]["image_size"],
        embed_dim=config["embed_dim"],
        context_length=config["text_cfg"]["context_length"],
        logit_scale=float(module.logit_scale.detach().exp()),
        mean=MEAN,
        std=STD,
        config=config,
    )
    return OpenClipModel(module, spec)


@pytest.fixture(params=sorted(CONFIGS))
def model(request: pytest.FixtureRequest) -> OpenClipModel:
    return tiny(request.param)


@pytest.fixture
def vit() -> OpenClipModel:
    return tiny("vit")


@pytest.fixture(scope="session")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair whose weights lie beside it; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_file, "LARGEST", 10_000)
        write_onnx_pair(tiny("vit"), folder)
    return folder
