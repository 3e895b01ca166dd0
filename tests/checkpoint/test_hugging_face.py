"""Hugging Face's CLIPModel, as folder, shards or single file, against transformers itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.sidecar import OPENAI_MEAN, OPENAI_STD
from clipguard.core.errors import InputError, RefusedError
from clipguard.model import compat
from clipguard.model.openclip import build_model


def hugging_face(act: str = "quick_gelu", eps: float = 1e-5) -> nn.Module:
    compat.open_clip()  # makes torchvision importable for transformers
    from transformers import CLIPConfig, CLIPModel

    shared = {
        "hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 2, "hidden_act": act,
        "projection_dim": 32, "layer_norm_eps": eps,
    }  # fmt: skip
    text = {"vocab_size": 600, "max_position_embeddings": 12, "num_attention_heads": 2}
    special = {"eos_token_id": 599, "bos_token_id": 598, "pad_token_id": 1}
    vision = {"num_attention_heads": 4, "image_size": 64, "patch_size": 16}
    config = CLIPConfig(
        text_config=shared | text | special, vision_config=shared | vision, projection_dim=32
    )
    torch.manual_seed(3)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for value in model.parameters():
            value += torch.randn_like(value) * 0.1
    return model


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    return hugging_face()


@pytest.fixture(scope="module")
def folder(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hf") / "clip"
    theirs.save_pretrained(path)
    preprocessor = {"image_mean": list(OPENAI_MEAN), "image_std": list(OPENAI_STD)}
    (path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return path


@pytest.fixture(scope="module")
def sharded(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "clip"
    theirs.save_pretrained(path, max_shard_size="150KB")
    assert len(list(path.glob("*.safetensors"))) > 2
    return path


@pytest.fixture(scope="module")
def pytorch(theirs: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bin")
    shutil.copy(folder / "config.json", path)
    torch.save(theirs.state_dict(), path / "pytorch_model.bin")
    return path


def features(output: Any) -> Tensor:
    return F.normalize(getattr(output, "pooler_output", output), dim=-1)


def assert_same(path: Path, theirs: Any, pixels: Tensor, tokens: Tensor) -> None:
    checkpoint = open_checkpoint(path)
    assert checkpoint.layout == "Hugging Face CLIPModel"
    (candidate,) = checkpoint.candidates
    assert candidate.config["quick_gelu"] is True
    built = build_model(checkpoint)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (OPENAI_MEAN, OPENAI_STD))
    with torch.no_grad():
        image = features(theirs.get_image_features(pixel_values=(pixels - mean) / std))
        text = features(theirs.get_text_features(input_ids=tokens))
        assert (built.encode_image(pixels) - image).abs().max() <= 1e-5
        assert (F.normalize(built.module.encode_text(tokens), dim=-1) - text).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", ["folder", "sharded", "pytorch"])
def test_same_features_as_transformers(
    kind: str, request: pytest.FixtureRequest, theirs: nn.Module, pixels: Tensor, tokens: Tensor
) -> None:
    assert_same(request.getfixturevalue(kind), theirs, pixels, tokens)


def test_file_beside_its_configuration(
    folder: Path, theirs: nn.Module, pixels: Tensor, tokens: Tensor
) -> None:
    assert_same(folder / "model.safetensors", theirs, pixels, tokens)


def test_index_given_directly(
    sharded: Path, theirs: nn.Module, pixels: Tensor, tokens: Tensor
) -> None:
    assert_same(sharded / "model.safetensors.index.json", theirs, pixels, tokens)


def test_file_alone_leaves_heads_and_activation_to_convention(
    folder: Path, theirs: nn.Module, tmp_path: Path
) -> None:
    shutil.copy(folder / "model.safetensors", tmp_path / "m.bin")
    checkpoint = open_checkpoint(tmp_path / "m.bin")
    assert [c.config["quick_gelu"] for c in checkpoint.candidates] == [False, True]
    weight = checkpoint.tensors.read("transformer.resblocks.1.attn.in_proj_weight")
    state = theirs.state_dict()
    prefix = "text_model.encoder.layers.1.self_attn"
    parts = [state[f"{prefix}.{part}_proj.weight"] for part in "qkv"]
    np.testing.assert_array_equal(weight, torch.cat(parts).numpy())
    np.testing.assert_array_equal(
        checkpoint.tensors.read("visual.proj"), state["visual_projection.weight"].T.numpy()
    )


def test_gelu_and_epsilon_come_from_the_configuration(
    tmp_path: Path, pixels: Tensor, tokens: Tensor
) -> None:
    model: Any = hugging_face("gelu", eps=1e-3)
    model.save_pretrained(tmp_path / "clip")
    (candidate,) = open_checkpoint(tmp_path / "clip").candidates
    assert candidate.config["quick_gelu"] is False
    assert candidate.config["vision_cfg"]["norm_kwargs"] == {"eps": 1e-3}
    built = build_model(open_checkpoint(tmp_path / "clip"))
    with torch.no_grad():
        text = features(model.get_text_features(input_ids=tokens))
        assert (F.normalize(built.module.encode_text(tokens), dim=-1) - text).abs().max() <= 1e-5


def test_remote_code_is_a_finding_and_nothing_more(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "clip"))
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling.Evil"}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "modeling.py").write_text(f"open({str(tmp_path / 'CANARY')!r}, 'w')")
    assert [f.rule for f in open_checkpoint(copy).findings] == ["config.remote_code"]
    assert not (tmp_path / "CANARY").exists()


def test_unknown_activation_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "clip"))
    config = json.loads((copy / "config.json").read_text())
    config["vision_config"]["hidden_act"] = "swish"
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="swish"):
        open_checkpoint(copy)


def test_impossible_heads_count_for_nothing(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "clip"))
    config = json.loads((copy / "config.json").read_text())
    config["vision_config"]["num_attention_heads"] = 7
    (copy / "config.json").write_text(json.dumps(config))
    checkpoint = open_checkpoint(copy)
    assert "config.contradiction" in {note.code for note in checkpoint.notes}


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a/b.safetensors",
                                  "..\\m", "https://host/m.safetensors", ".."])  # fmt: skip
def test_index_cannot_point_outside(sharded: Path, name: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    index["weight_map"]["logit_scale"] = name
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(RefusedError) as error:
        open_checkpoint(copy)
    assert error.value.code == "path.escape"


@pytest.mark.parametrize("table", [{}, {"weight_map": 3}, {"weight_map": {"a": 1}}])
def test_index_without_a_map(table: dict[str, Any], sharded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    (copy / "model.safetensors.index.json").write_text(json.dumps(table))
    with pytest.raises(InputError) as error:
        open_checkpoint(copy)
    assert error.value.code in ("shard.index", "file.not_a_model")


def test_index_that_promises_more_than_its_shards_hold(sharded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    index["weight_map"]["absent"] = index["weight_map"]["logit_scale"]
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="absent"):
        open_checkpoint(copy)


def test_unknown_tensor_inside_a_tower_is_refused(
    theirs: nn.Module, folder: Path, tmp_path: Path
) -> None:
    state = {**theirs.state_dict(), "vision_model.adapter.weight": torch.zeros(2)}
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(InputError, match="adapter"):
        open_checkpoint(tmp_path / "m.pt")


def test_index_cannot_point_to_itself(sharded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    (copy / "loop").write_bytes((copy / "model.safetensors.index.json").read_bytes())
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    index["weight_map"]["logit_scale"] = "loop"
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(RefusedError) as error:
        open_checkpoint(copy)
    assert error.value.code == "path.escape"


def test_cache_of_links_is_a_folder_like_any_other(
    sharded: Path, theirs: nn.Module, pixels: Tensor, tokens: Tensor, tmp_path: Path
) -> None:
    """Hugging Face's own cache keeps the files elsewhere and links to them by digest."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1234"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, file in enumerate(sharded.iterdir()):
        shutil.copy(file, blobs / str(number))
        (snapshot / file.name).symlink_to(Path("../../blobs") / str(number))
    assert_same(snapshot, theirs, pixels, tokens)


def test_missing_shard_is_named(sharded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    shard = sorted(copy.glob("*.safetensors"))[0]
    shard.unlink()
    with pytest.raises(InputError, match=shard.name) as error:
        open_checkpoint(copy)
    assert error.value.code == "shard.missing"


def test_digest_covers_every_shard(sharded: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sharded, tmp_path / "clip"))
    before = open_checkpoint(copy).artifact
    assert before == open_checkpoint(sharded).artifact
    assert before.size_bytes == sum(file.stat().st_size for file in copy.iterdir())
    shard = sorted(copy.glob("*.safetensors"))[-1]
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    assert open_checkpoint(copy).artifact.sha256 != before.sha256
