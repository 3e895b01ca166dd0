"""The same weights, saved every way, come back bit for bit and give the same features."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.sidecar import OPENAI_MEAN, OPENAI_STD
from clipguard.checkpoint.types import Checkpoint
from clipguard.model.openclip import build_model, to_float32

State = dict[str, Tensor]


def plain(state: State) -> State:
    return {name: value.contiguous().clone() for name, value in state.items()}


def training(state: State) -> dict[str, object]:
    """What open_clip, CleanCLIP and PAR keep in one file."""
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([parameter], lr=1e-3)
    parameter.sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "name": "run",
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": optimizer.state_dict(),
        "scaler": {"scale": 65536.0, "growth_factor": 2.0},
        "args": argparse.Namespace(lr=1e-3, path=Path("runs"), sizes=range(3)),
        "best": np.float64(0.5),
        "history": np.arange(4),
    }


def save_zip(state: State, folder: Path) -> Path:
    torch.save(state, folder / "m.pt")
    return folder / "m.pt"


def save_training(state: State, folder: Path) -> Path:
    torch.save(training(state), folder / "epoch_3.pt")
    return folder / "epoch_3.pt"


def save_model_key(state: State, folder: Path) -> Path:
    torch.save({"model": {"module": state}, "iteration": 7}, folder / "m.bin")
    return folder / "m.bin"


def save_legacy(state: State, folder: Path) -> Path:
    torch.save(training(state), folder / "old.pth", _use_new_zipfile_serialization=False)
    return folder / "old.pth"


def save_protocol_5(state: State, folder: Path) -> Path:
    torch.save(state, folder / "five.pt", pickle_protocol=5)
    return folder / "five.pt"


def save_parameters(state: State, folder: Path) -> Path:
    values = {
        name: nn.Parameter(value) if value.is_floating_point() else value
        for name, value in state.items()
    }
    torch.save(values, folder / "parameters.pt")
    return folder / "parameters.pt"


def save_text_apart(state: State, folder: Path) -> Path:
    renamed = {
        name if name.startswith(("visual.", "logit_scale")) else f"text.{name}": value
        for name, value in state.items()
    }
    torch.save(renamed, folder / "custom.pt")
    return folder / "custom.pt"


def save_safetensors(state: State, folder: Path) -> Path:
    save_file(plain(state), folder / "m.safetensors", metadata={"format": "pt"})
    return folder / "m.safetensors"


def save_misnamed(state: State, folder: Path) -> Path:
    save_file(plain(state), folder / "m.pt")
    return folder / "m.pt"


SAVERS = (
    save_zip, save_training, save_model_key, save_legacy, save_protocol_5, save_parameters,
    save_text_apart, save_safetensors, save_misnamed,
)  # fmt: skip


def assert_same_tensors(checkpoint: Checkpoint, state: State) -> None:
    infos = checkpoint.tensors.infos()
    wanted = {name for name in state if not name.endswith("num_batches_tracked")}
    assert set(infos) == wanted
    for name in wanted:
        values = checkpoint.tensors.read(name)
        if state[name].dtype is torch.bfloat16:
            expected = state[name].view(torch.int16).numpy().view(np.uint16)
        else:
            expected = state[name].numpy()
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)
        assert infos[name].shape == tuple(state[name].shape)


def assert_same_features(
    checkpoint: Checkpoint, reference: nn.Module, pixels: Tensor, tokens: Tensor
) -> None:
    built = build_model(checkpoint)
    mean, std = torch.tensor(OPENAI_MEAN), torch.tensor(OPENAI_STD)
    normalised = (pixels - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    with torch.no_grad():
        expected = F.normalize(reference.encode_image(normalised), dim=-1)
        texts = F.normalize(reference.encode_text(tokens), dim=-1)
        assert (built.encode_image(pixels) - expected).abs().max() <= 1e-5
        found = F.normalize(built.module.encode_text(tokens), dim=-1)
        assert (found - texts).abs().max() <= 1e-5


@pytest.mark.parametrize("save", SAVERS, ids=lambda save: save.__name__)
def test_same_weights_whatever_the_format(
    save: Callable[[State, Path], Path],
    model: nn.Module,
    pixels: Tensor,
    tokens: Tensor,
    tmp_path: Path,
) -> None:
    checkpoint = open_checkpoint(save(model.state_dict(), tmp_path))
    assert_same_tensors(checkpoint, model.state_dict())
    assert_same_features(checkpoint, model, pixels, tokens)
    assert not checkpoint.findings


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
def test_half_precision_keeps_its_bits(
    save: Callable[[State, Path], Path],
    dtype: torch.dtype,
    vit: nn.Module,
    tmp_path: Path,
) -> None:
    state = {name: value.to(dtype) for name, value in vit.state_dict().items()}
    checkpoint = open_checkpoint(save(state, tmp_path))
    assert checkpoint.dtype == str(dtype).removeprefix("torch.")
    assert_same_tensors(checkpoint, state)
    for name, value in state.items():
        found = to_float32(checkpoint.tensors.read(name), checkpoint.tensors.infos()[name].dtype)
        assert torch.equal(found, value.float())


def test_mixed_types_are_noted(vit: nn.Module, tmp_path: Path) -> None:
    state = vit.state_dict()
    mixed = {n: v.half() if v.dim() > 1 else v for n, v in state.items()}
    checkpoint = open_checkpoint(save_zip(mixed, tmp_path))
    assert checkpoint.dtype == "float16"
    assert "tensor.mixed_dtype" in {note.code for note in checkpoint.notes}


def test_open_clip_folder_as_its_own_loader_sees_it(
    vit: nn.Module, configs: dict[str, dict], pixels: Tensor, tokens: Tensor, tmp_path: Path
) -> None:
    import open_clip

    folder = tmp_path / "folder"
    folder.mkdir()
    config = {**configs["vit"], "quick_gelu": True}
    config["vision_cfg"] = {**config["vision_cfg"], "head_width": 32}
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.25]}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    save_file(plain(vit.state_dict()), folder / "open_clip_model.safetensors")
    torch.save({}, folder / "open_clip_pytorch_model.bin")
    checkpoint = open_checkpoint(folder)
    (candidate,) = checkpoint.candidates
    assert candidate.mean == (0.5, 0.4, 0.3)
    assert candidate.std == (0.2, 0.2, 0.25)
    assert candidate.source == "open_clip_config.json"
    unread = next(note for note in checkpoint.notes if note.code == "folder.unread")
    assert "open_clip_pytorch_model.bin" in unread.text
    theirs, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    built = build_model(checkpoint)
    mean, std = (torch.tensor(preprocess[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        wanted = theirs.eval().encode_image((pixels - mean) / std, normalize=True)
        assert (built.encode_image(pixels) - wanted).abs().max() <= 1e-5
        texts = theirs.encode_text(tokens)
        assert (built.module.encode_text(tokens) - texts).abs().max() <= 1e-5


def test_configuration_beside_a_single_file_counts(
    vit: nn.Module, configs: dict[str, dict], tmp_path: Path
) -> None:
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": configs["vit"]}))
    (candidate,) = open_checkpoint(save_zip(vit.state_dict(), tmp_path)).candidates
    assert candidate.source == "open_clip_config.json"
    assert candidate.config == configs["vit"]


def test_weights_outweigh_a_contradicting_configuration(
    vit: nn.Module, configs: dict[str, dict], tmp_path: Path
) -> None:
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": configs["resnet"]}))
    checkpoint = open_checkpoint(save_zip(vit.state_dict(), tmp_path))
    assert "config.contradiction" in {note.code for note in checkpoint.notes}
    assert checkpoint.candidates[0].name == "ViT 64x2 patch 16 @64"


def test_objects_beside_the_weights_are_named_and_left_alone(
    vit: nn.Module, tmp_path: Path
) -> None:
    notes = {
        n.code: n.text for n in open_checkpoint(save_training(vit.state_dict(), tmp_path)).notes
    }
    assert "argparse.Namespace" in notes["pickle.opaque_objects"]
    assert "numpy" in notes["pickle.opaque_objects"]


def test_reading_maps_the_file(state_file: Path) -> None:
    values = open_checkpoint(state_file).tensors.read("token_embedding.weight")
    assert not values.flags.owndata
    assert not values.flags.writeable


def test_strided_and_shared_tensors_come_back_as_they_are(vit: nn.Module, tmp_path: Path) -> None:
    state = vit.state_dict()
    state["text_projection"] = state["text_projection"].T.contiguous().T
    state["ln_final.weight"] = state["visual.ln_post.weight"]
    assert not state["text_projection"].is_contiguous()
    assert_same_tensors(open_checkpoint(save_zip(state, tmp_path)), state)


def test_checkpoint_without_torch(state_file: Path) -> None:
    """Reading works, and quickly, where torch is not even imported."""
    import subprocess
    import sys

    code = (
        "import sys; from clipguard.checkpoint import open_checkpoint;"
        "print(open_checkpoint(sys.argv[1]).candidates[0].name);"
        "print(sorted({'torch', 'open_clip', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(state_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["ViT 64x2 patch 16 @64", "[]"]
