"""Generated pairs, with a pipeline of random weights that is built from its configuration."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch

from clipguard.core.errors import ClipguardError, InputError, MachineError
from clipguard.core.seeds import Seeds
from clipguard.model import compat
from clipguard.pairs import diffusion
from clipguard.pairs.diffusion import Generator, settings
from clipguard.pairs.spec import SyntheticSpec
from clipguard.pairs.supply import split
from clipguard.pairs.synthetic import SyntheticPairs

WORDS = (
    "<|startoftext|>",
    "<|endoftext|>",
    *(f"{a}{b}" for a in "abcdefghij" for b in ("", "</w>")),
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPGUARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Stable Diffusion pipeline of a few thousand weights, saved as diffusers does."""
    compat.repair_torchvision()
    diffusers = pytest.importorskip("diffusers")
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("sd")
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
    )
    pipeline = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=[8],
            norm_num_groups=4,
            down_block_types=["DownEncoderBlock2D"],
            up_block_types=["UpDecoderBlock2D"],
            sample_size=16,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(
            str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
        ),
        unet=diffusers.UNet2DConditionModel(
            sample_size=16,
            block_out_channels=[8],
            layers_per_block=1,
            norm_num_groups=4,
            attention_head_dim=2,
            cross_attention_dim=8,
            down_block_types=["CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D"],
        ),
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "model", safe_serialization=True)
    return folder / "model"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    from dataclasses import replace

    fast = replace(settings(), steps=2, batch=2)
    monkeypatch.setattr(diffusion, "settings", lambda: fast)


def pictures(cache):
    return {path.name: path.read_bytes() for path in cache.rglob("*.png")}


def test_an_interrupted_run_goes_on_where_it_ended(model, cache):
    Generator(model).pairs(7, 5)
    whole = pictures(cache)
    assert len(whole) == 6, "blocks are always full"
    for name in ("0000003.png", "0000004.png"):
        next(cache.rglob(name)).unlink()
    found = Generator(model).pairs(7, 5)
    assert pictures(cache) == whole
    batch = found.read(range(5), 16)
    assert batch.texts == SyntheticPairs(7, 5).read(range(5), 16).texts
    assert len({picture.numpy().tobytes() for picture in batch.pixels}) == 5
    assert found.synthetic


def test_a_whole_cache_needs_no_model_in_memory(model, monkeypatch):
    first = Generator(model).pairs(7, 2)
    monkeypatch.setattr(Generator, "_pipeline", None)
    again = Generator(model).pairs(7, 2)
    assert again.id == first.id
    assert again.read([1], 16).pixels.equal(first.read([1], 16).pixels)


def test_nothing_half_written_is_left(model, cache, monkeypatch):
    generator = Generator(model)
    calls = iter(range(9))

    def stop(picture):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return b"whole"

    monkeypatch.setattr(diffusion, "_png", stop)
    with pytest.raises(KeyboardInterrupt):
        generator.pairs(7, 4)
    assert pictures(cache) == {"0000000.png": b"whole"}
    assert not list(cache.rglob("*.tmp"))


def test_another_model_has_another_cache(model, cache, tmp_path):
    shutil.copytree(model, tmp_path / "other")
    config = tmp_path / "other/scheduler/scheduler_config.json"
    config.write_text(config.read_text() + "\n")
    ids = {Generator(folder).pairs(7, 2).id for folder in (model, tmp_path / "other")}
    assert len(ids) == 2
    assert len(list((cache / "diffusion").iterdir())) == 2


def test_pickled_weights_are_not_loaded(model, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    weights = next((copy / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(InputError) as caught:
        Generator(copy).pairs(7, 1)
    assert caught.value.code == "data.diffusion_model"


@pytest.mark.parametrize(
    "index",
    [
        None,
        "no json",
        "[]",
        '{"_class_name": "FluxPipeline"}',
        '{"_class_name": ["custom", "StableDiffusionPipeline"]}',
        '{"_class_name": "StableDiffusionPipeline", "unet": ["evil", "Model"]}',
    ],
)
def test_folders_that_hold_no_known_pipeline(tmp_path, index):
    folder = tmp_path / "model"
    folder.mkdir()
    if index is not None:
        (folder / "model_index.json").write_text(index)
    with pytest.raises(InputError, match="nothing is downloaded") as caught:
        split([], SyntheticSpec(model=str(folder)), Seeds(0))
    assert caught.value.code == "data.diffusion_model"


def test_a_missing_package_is_said_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MachineError, match=r"clipguard\[diffusion\]") as caught:
        Generator(tmp_path)
    assert isinstance(caught.value, ClipguardError)
    assert caught.value.code == "env.diffusers"
