"""Pairs for immich and Transformers.js: opened by the names that these look for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tokenizers import Tokenizer

from clipguard.core.progress import SILENT
from clipguard.core.results import Export
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.parity import pictures
from clipguard.export.sums import write_sums
from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import CONVENTIONS, file_names
from clipguard.pipeline.export import deliver, export
from clipguard.pipeline.requests import Layout
from clipguard.pipeline.verify import verify

TEXTS = ["a photo of a dog", "", "Two  of THEM!", "isn't it 1984 \u00e9t\u00e9s?", "more " * 30]


def written(model: OpenClipModel, folder: Path, layout: Layout) -> tuple[Export, ...]:
    """The whole folder as ``clipguard export`` delivers it."""
    work = folder.with_name("work")
    work.mkdir()
    exports = export(model, work, layout, ("fp32",), SILENT)
    deliver(work, folder)
    work.rmdir()
    return exports


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def answer(path: Path, **inputs: Any) -> np.ndarray:
    """What the first output of a file holds."""
    (found, *_) = onnxruntime.InferenceSession(str(path)).run(None, inputs)
    return found


def tokens(path: Path, texts: list[str], length: int | None = None) -> np.ndarray:
    """Token ids by the file, filled up to ``length`` or to the longest of the texts."""
    settings = json.loads(path.with_name("tokenizer_config.json").read_text())
    tokenizer = Tokenizer.from_file(str(path))
    pad = settings["pad_token"]
    tokenizer.enable_padding(pad_token=pad, pad_id=tokenizer.token_to_id(pad), length=length)
    tokenizer.enable_truncation(max_length=settings["model_max_length"])
    return np.array([item.ids for item in tokenizer.encode_batch(texts)])


def prepared(settings: Any, mean: str, std: str, size: int) -> tuple[torch.Tensor, np.ndarray]:
    """Pictures, and what a consumer makes of them."""
    given = pictures(size)[:3]
    middle, spread = (np.reshape(settings[name], (3, 1, 1)) for name in (mean, std))
    return given, ((given.numpy() - middle) / spread).astype(np.float32)


def test_immich_opens_the_folder_and_embeds_alike(model: OpenClipModel, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written(model, folder, "immich")
    text = json.loads((folder / "config.json").read_text())["text_cfg"]
    settings = json.loads((folder / "visual/preprocess_cfg.json").read_text())
    assert (settings["interpolation"], settings["resize_mode"]) == ("bicubic", "shortest")
    given, pixels = prepared(settings, "mean", "std", settings["size"])
    ids = tokens(folder / "textual/tokenizer.json", TEXTS, text["context_length"])
    images = answer(folder / "visual/model.onnx", image=pixels)
    texts = answer(folder / "textual/model.onnx", text=ids.astype(np.int32))
    with torch.inference_mode():
        assert np.abs(images - model.encode_image(given).numpy()).max() <= 1e-5
        assert np.abs(texts - model.encode_text(TEXTS).numpy()).max() <= 1e-5


def test_transformers_js_opens_the_folder_and_embeds_alike(
    vit: OpenClipModel, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    written(vit, folder, "transformers.js")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "clip"
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    _, pixels = prepared(settings, "image_mean", "image_std", settings["crop_size"]["height"])
    images = answer(folder / "onnx/vision_model.onnx", pixel_values=pixels)
    with torch.inference_mode():
        wanted = vit.module.encode_image(torch.from_numpy(pixels)).numpy()
    assert np.abs(images - wanted).max() <= 1e-4
    assert np.abs(np.linalg.norm(images, axis=1) - 1).min() > 0.01  # as the model gives them
    for texts in (TEXTS, TEXTS[:3]):
        ids = tokens(folder / "tokenizer.json", texts)
        assert (ids.shape[1] < vit.spec.context_length) is (texts is not TEXTS)
        with torch.inference_mode():
            wanted = vit.module.encode_text(vit.tokenize(texts)).numpy()
        assert np.abs(answer(folder / "onnx/text_model.onnx", input_ids=ids) - wanted).max() <= 1e-4
    for name, output in (("vision_model", "image_embeds"), ("text_model", "text_embeds")):
        session = onnxruntime.InferenceSession(str(folder / f"onnx/{name}.onnx"))
        assert [item.name for item in session.get_outputs()] == [output]


@pytest.mark.parametrize("layout", ["immich", "transformers.js"])
def test_two_exports_are_equal_and_other_weights_are_found(
    vit: OpenClipModel, tmp_path: Path, layout: Layout
) -> None:
    first, second = (written(vit, tmp_path / name, layout) for name in "ab")
    assert first == second
    found = files(tmp_path / "a")
    assert found == files(tmp_path / "b")
    assert {item.artifact.name for item in first} == found.keys() - {"SHA256SUMS"}
    names = file_names("fp32", CONVENTIONS[layout])
    (digests, _, parity) = verify(tmp_path / "a")
    assert (digests.state, parity.state) == ("passed", "passed")
    assert all(f"{name} cosine" in parity.text for name in names)

    other = vit.copy()
    with torch.no_grad():
        for _, value in other.named_parameters():
            value += 0.05 * torch.randn_like(value)
    write_onnx_pair(other, tmp_path / "a", convention=CONVENTIONS[layout])
    write_sums(tmp_path / "a")
    assert [fault.file for fault in verify(tmp_path / "a")[-1].faults] == list(names)
