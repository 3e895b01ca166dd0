"""TorchScript archives of OpenAI's kind: tensors only, against open_clip's own loader."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.sidecar import OPENAI_MEAN, OPENAI_STD
from clipguard.model.openclip import build_model


class Names(nn.Module):
    """A tree of modules that only holds parameters under given names; torch can script it."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def of(state: dict[str, Tensor]) -> Names:
        root = Names()
        for name, value in state.items():
            *path, leaf = name.split(".")
            module: nn.Module = root
            for part in path:
                if not hasattr(module, part):
                    module.add_module(part, Names())
                module = getattr(module, part)
            if value.is_floating_point():
                module.register_parameter(leaf, nn.Parameter(value))
            else:
                module.register_buffer(leaf, value)
        return root


def trace(model: nn.Module, pixels: Tensor, tokens: Tensor, path: Path) -> Path:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing tells of every shape that it fixes
        torch.jit.trace(model, (pixels, tokens), check_trace=False).save(path)
    return path


def representable(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's loader passes these archives through half precision: values that survive it."""
    return {n: v.half().float() if v.is_floating_point() else v for n, v in state.items()}


@pytest.fixture(scope="module", params=["vit", "resnet"])
def traced(
    request: pytest.FixtureRequest,
    configs: dict[str, dict],
    new_model: Callable[..., nn.Module],
    pixels: Tensor,
    tokens: Tensor,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    config = {**configs[request.param], "quick_gelu": True}
    model = new_model(config)
    model.load_state_dict(representable(model.state_dict()))
    mask = model._buffers.pop("attn_mask")
    model.attn_mask = mask  # OpenAI keeps it as a constant, not among the tensors with names
    return trace(model, pixels, tokens, tmp_path_factory.mktemp("openai") / "archive.pt")


def test_same_features_as_open_clip(traced: Path, pixels: Tensor, tokens: Tensor) -> None:
    import open_clip

    theirs = open_clip.load_openai_model(str(traced), precision="fp32", device="cpu").eval()
    checkpoint = open_checkpoint(traced)
    assert checkpoint.format == "torchscript"
    (candidate,) = checkpoint.candidates
    assert candidate.config["quick_gelu"] is True, "the archive's own code says so"
    built = build_model(checkpoint)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (OPENAI_MEAN, OPENAI_STD))
    with torch.no_grad():
        image = F.normalize(theirs.encode_image((pixels - mean) / std), dim=-1)
        text = F.normalize(theirs.encode_text(tokens), dim=-1)
        assert (built.encode_image(pixels) - image).abs().max() <= 1e-5
        assert (F.normalize(built.module.encode_text(tokens), dim=-1) - text).abs().max() <= 1e-5


def test_code_is_noted_and_never_used(traced: Path) -> None:
    assert "torchscript.code_present" in {note.code for note in open_checkpoint(traced).notes}
    assert not open_checkpoint(traced).findings


def test_half_precision_attributes_and_extras(vit: nn.Module, tmp_path: Path) -> None:
    """As published: half precision inside, sizes as tensors beside the weights."""
    state = {n: v.half() if v.dim() > 1 else v for n, v in vit.state_dict().items()}
    extras = {"input_resolution": 64, "context_length": 12, "vocab_size": 600}
    scripted = torch.jit.script(
        Names.of({**state, **{key: torch.tensor(value) for key, value in extras.items()}})
    )
    scripted.save(tmp_path / "a.pt")
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    assert set(checkpoint.tensors.infos()) == set(state)
    for name, value in state.items():
        np.testing.assert_array_equal(checkpoint.tensors.read(name), value.detach().numpy())
    dropped = next(n for n in checkpoint.notes if n.code == "tensor.dropped")
    assert "input_resolution" in dropped.text


def test_gelu_in_the_code_is_seen_too(
    vit: nn.Module, pixels: Tensor, tokens: Tensor, tmp_path: Path
) -> None:
    (candidate,) = open_checkpoint(trace(vit, pixels, tokens, tmp_path / "a.pt")).candidates
    assert candidate.config["quick_gelu"] is False


def test_debug_pickles_are_walked(
    traced: Path, evil_pickle: bytes, tmp_path: Path, canary: Path
) -> None:
    from clipguard.checkpoint import HostileFile

    copy = tmp_path / "evil.pt"
    with zipfile.ZipFile(traced) as old, zipfile.ZipFile(copy, "w") as new:
        for item in old.infolist():
            data = evil_pickle if item.filename.endswith(".debug_pkl") else old.read(item)
            new.writestr(item.filename, data)
    with pytest.raises(HostileFile) as error:
        open_checkpoint(copy)
    assert error.value.findings[0].where.split(" ")[0].endswith(".debug_pkl")
