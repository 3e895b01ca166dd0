"""Architectures recognised from shapes, derived where open_clip has no name for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from opening import error_of
from torch import nn

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.architecture import recognise
from clipguard.checkpoint.derive import derive, explain
from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.known import all_configs, plain_configs
from clipguard.checkpoint.sidecar import OPENAI_MEAN, Hints
from clipguard.checkpoint.types import TensorInfo
from clipguard.core.errors import InputError
from clipguard.model.openclip import new_module


def infos_of(config: dict[str, Any]) -> dict[str, TensorInfo]:
    return {n: TensorInfo(shape, "float32") for n, shape in expected_shapes(config).items()}


def shapes_of_module(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        module = new_module(config)
    state = module.state_dict()
    return {n: tuple(v.shape) for n, v in state.items() if not n.endswith("num_batches_tracked")}


def save(state: dict[str, Any], folder: Path) -> Path:
    torch.save(state, folder / "m.pt")
    return folder / "m.pt"


@pytest.mark.parametrize(
    "name",
    ["ViT-B-32", "ViT-L-14-336", "ViT-H-14", "ViT-bigG-14", "ViT-M-16-alt", "RN50", "RN50x64"],
)
def test_expected_shapes_are_those_of_open_clip(name: str) -> None:
    assert expected_shapes(all_configs()[name]) == shapes_of_module(all_configs()[name])


@pytest.mark.parametrize("name", [n for n, c in plain_configs().items() if not c.get("quick_gelu")])
def test_every_plain_configuration_is_recognised_by_name(name: str) -> None:
    found = recognise(infos_of(plain_configs()[name]), Hints(), "f")
    names = [candidate.name for candidate in found.candidates]
    assert name in names
    assert [n.removesuffix("-quickgelu") for n in names[: len(names) // 2]] == [
        n.removesuffix("-quickgelu") for n in names[len(names) // 2 :]
    ]
    for candidate in found.candidates:
        assert candidate.mean == OPENAI_MEAN
        assert not any(explain(infos_of(plain_configs()[name]), candidate.config))


def test_candidates_of_vit_b_32() -> None:
    found = recognise(infos_of(all_configs()["ViT-B-32"]), Hints(), "f")
    assert [c.name for c in found.candidates] == ["ViT-B-32", "ViT-B-32-quickgelu"]
    assert [c.config["quick_gelu"] for c in found.candidates] == [False, True]
    assert "arch.activation_assumed" in {note.code for note in found.notes}


@settings(deadline=None, max_examples=40)
@given(
    width=st.integers(1, 6).map(lambda n: n * 32),
    layers=st.integers(1, 5),
    patch=st.sampled_from([4, 7, 14, 16, 32]),
    side=st.integers(1, 9),
    ratio=st.sampled_from([1.0, 2.0, 3.5, 4.0, 4.3637]),
    embed=st.sampled_from([8, 100, 512]),
    text=st.tuples(st.integers(1, 200), st.integers(2, 900), st.integers(1, 4), st.integers(1, 6)),
)
def test_any_vision_transformer_is_derived(
    width: int, layers: int, patch: int, side: int, ratio: float, embed: int, text: tuple[int, ...]
) -> None:
    length, words, text_layers, text_width = text
    vision = {"image_size": patch * side, "patch_size": patch, "layers": layers, "width": width}
    config = {
        "embed_dim": embed,
        "vision_cfg": {**vision, "mlp_ratio": ratio},
        "text_cfg": {
            "context_length": length,
            "vocab_size": words,
            "width": text_width * 32,
            "heads": 1,
            "layers": text_layers,
        },
    }
    derived = derive(infos_of(config))
    assert expected_shapes(derived) == expected_shapes(config)
    assert {key: derived["vision_cfg"][key] for key in vision} == vision


@settings(deadline=None, max_examples=20)
@given(
    width=st.sampled_from([8, 16, 40, 64]),
    layers=st.lists(st.integers(1, 4), min_size=4, max_size=4),
    side=st.integers(1, 9),
)
def test_any_modified_resnet_is_derived(width: int, layers: list[int], side: int) -> None:
    vision = {"image_size": side * 32, "layers": layers, "width": width}
    text = {"context_length": 20, "vocab_size": 99, "width": 64, "heads": 1, "layers": 2}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    assert derive(infos_of(config))["vision_cfg"] == vision
    assert expected_shapes(derive(infos_of(config))) == expected_shapes(config)


@pytest.mark.parametrize(
    ("width", "heads"), [(64, [1]), (32, [1]), (768, [12]), (96, [3, 1, 2]), (100, [1])]
)
def test_head_counts_follow_convention(width: int, heads: list[int]) -> None:
    vision = {"image_size": 64, "patch_size": 16, "layers": 1, "width": 64}
    text = {"width": width, "layers": 1, "vocab_size": 9, "context_length": 5}
    infos = infos_of({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text})
    found = recognise(infos, Hints(), "f")
    plain = [c for c in found.candidates if not c.config["quick_gelu"]]
    assert [c.config["text_cfg"]["heads"] for c in plain] == heads
    assert len({c.name for c in found.candidates}) == len(found.candidates)


def test_candidates_build(vit: nn.Module, tmp_path: Path) -> None:
    for candidate in open_checkpoint(save(vit.state_dict(), tmp_path)).candidates:
        new_module(candidate.config).load_state_dict(vit.state_dict())


def test_architecture_by_name_or_file(
    vit: nn.Module, configs: dict[str, dict], tmp_path: Path
) -> None:
    path = save(vit.state_dict(), tmp_path)
    config = {**configs["vit"], "quick_gelu": True}
    (tmp_path / "arch.json").write_text(json.dumps(config))
    (candidate,) = open_checkpoint(path, arch=str(tmp_path / "arch.json")).candidates
    assert candidate.config == config
    assert candidate.source == "--arch"
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.1, 0.2, 0.3]}
    whole = {"model_cfg": config, "preprocess_cfg": preprocess}
    (tmp_path / "arch.json").write_text(json.dumps(whole))
    (candidate,) = open_checkpoint(path, arch=str(tmp_path / "arch.json")).candidates
    assert candidate.mean == (0.5, 0.5, 0.5)
    assert candidate.std == (0.1, 0.2, 0.3)


def test_configuration_that_leaves_tensors_over(
    vit: nn.Module, configs: dict[str, dict], tmp_path: Path
) -> None:
    """With one layer less every shape fits, but the model would be another one."""
    vision = {**configs["vit"]["vision_cfg"], "layers": 1}
    config = {**configs["vit"], "vision_cfg": vision}
    (tmp_path / "arch.json").write_text(json.dumps(config))
    path = save(vit.state_dict(), tmp_path)
    assert error_of(path, str(tmp_path / "arch.json")).code == "arch.unknown"
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    checkpoint = open_checkpoint(path)
    assert "config.contradiction" in {note.code for note in checkpoint.notes}
    assert checkpoint.candidates[0].config["vision_cfg"]["layers"] == 2


def test_architecture_that_contradicts_the_weights(
    vit: nn.Module, configs: dict[str, dict], tmp_path: Path
) -> None:
    path = save(vit.state_dict(), tmp_path)
    error = error_of(path, "ViT-B-32")
    assert error.code == "arch.shape"
    assert "(64,)" in error.what
    assert "(768,)" in error.what
    config = {**configs["vit"], "text_cfg": {**configs["vit"]["text_cfg"], "vocab_size": 601}}
    (tmp_path / "arch.json").write_text(json.dumps(config))
    error = error_of(path, str(tmp_path / "arch.json"))
    assert error.code == "arch.shape"
    assert "token_embedding.weight" in error.what


@pytest.mark.parametrize(
    ("arch", "content", "code"),
    [
        ("ViT-B-33", None, "arch.name"),
        ("absent.json", None, "file.missing"),
        ("bad.json", "{", "config.json"),
        ("list.json", "[]", "config.json"),
        ("part.json", '{"embed_dim": 3}', "arch.config"),
        ("odd.json", '{"embed_dim": "x", "vision_cfg": {}, "text_cfg": {}}', "arch.config"),
        ("zero.json", '{"embed_dim": 3, "vision_cfg": {"patch_size": 0}, "text_cfg": {}}',
         "arch.config"),
    ],
)  # fmt: skip
def test_wrong_architecture_requests(
    arch: str, content: str | None, code: str, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(state_file.parent)
    if content is not None:
        Path(arch).write_text(content)
    error = error_of(state_file, arch)
    assert isinstance(error, InputError)
    assert error.code == code
    assert error.remedy


Change = Callable[[dict[str, Any]], dict[str, Any]]


def without(*prefixes: str) -> Change:
    return lambda state: {n: v for n, v in state.items() if not n.startswith(prefixes)}


TEXT_TOWER = ("transformer.", "token_embedding", "positional_embedding", "ln_final")
WRONG: dict[str, tuple[Change, str, str]] = {
    "image tower missing": (without("visual."), "arch.missing_tower", "image tower"),
    "text tower missing": (without(*TEXT_TOWER), "arch.missing_tower", "text tower"),
    "one tensor missing": (without("ln_final.bias"), "arch.unknown", "ln_final.bias"),
    "one layer missing": (
        without("transformer.resblocks.0."), "arch.unknown", "transformer",
    ),
    "no temperature": (without("logit_scale"), "arch.unknown", "logit_scale"),
    "unexplained": (
        lambda state: {**state, "visual.extra": torch.zeros(1)}, "arch.unknown", "visual.extra",
    ),
    "odd shape": (
        lambda state: {**state, "visual.ln_post.bias": torch.zeros(3)}, "arch.unknown", "ln_post",
    ),
    "no square of positions": (
        lambda state: {**state, "visual.positional_embedding": torch.zeros(8, 64)},
        "arch.unknown", "positions",
    ),
    "only an adapter": (
        lambda state: {f"x.{n}.lora_A.weight": v for n, v in state.items()}, "arch.unknown", "LoRA",
    ),
    "SigLIP": (
        lambda state: {"logit_bias": torch.zeros(1), **without("visual.conv1")(state)},
        "arch.unknown", "SigLIP",
    ),
    "something else": (lambda _: {"a": torch.zeros(2)}, "arch.unknown", "no tensor"),
    "only an optimizer": (
        lambda state: {"optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
        "input.no_tensors", "state_dict",
    ),
    "nothing": (lambda _: {"epoch": 3}, "input.no_tensors", "no model weights"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code", "told"), WRONG.values(), ids=WRONG)
def test_wrong_models(change: Change, code: str, told: str, vit: nn.Module, tmp_path: Path) -> None:
    error = error_of(save(change(dict(vit.state_dict())), tmp_path))
    assert isinstance(error, InputError)
    assert error.code == code
    assert told in str(error)
    assert error.remedy


def test_nearest_architectures_are_named(vit: nn.Module, tmp_path: Path) -> None:
    state = without("ln_final.bias")(dict(vit.state_dict()))
    assert "nearest: ViT-" in error_of(save(state, tmp_path)).what


def test_resnet_50_of_torchvision(tmp_path: Path) -> None:
    from clipguard.model import compat

    compat.open_clip()
    from torchvision.models import resnet50

    error = error_of(save(resnet50(weights=None).state_dict(), tmp_path))
    assert error.code == "arch.unknown"
    assert "ResNet classifier of torchvision" in error.what
    assert "--arch" in error.remedy


def test_generator_state_beside_the_weights(vit: nn.Module, tmp_path: Path) -> None:
    content = {"rng": torch.get_rng_state(), "ema": {"decay": 1}, "state_dict": vit.state_dict()}
    checkpoint = open_checkpoint(save(content, tmp_path))
    assert "weights under state_dict" in checkpoint.evidence


def test_one_element_temperature_becomes_a_number(vit: nn.Module, tmp_path: Path) -> None:
    state = {**vit.state_dict(), "logit_scale": torch.tensor([2.5])}
    checkpoint = open_checkpoint(save(state, tmp_path))
    assert checkpoint.tensors.infos()["logit_scale"].shape == ()
    assert checkpoint.tensors.read("logit_scale") == 2.5
