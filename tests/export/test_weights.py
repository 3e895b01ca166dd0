"""The open_clip folder opens elsewhere and means the same there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from clipguard.core.errors import MachineError
from clipguard.export.weights import write_open_clip_folder
from clipguard.model import compat
from clipguard.model.openclip import OpenClipModel
from clipguard.model.seam import ClipSpec

TEXTS = ["a photo of a dog", "", "a very long line " * 30]


def test_open_clip_opens_the_folder_and_embeds_alike(model: OpenClipModel, tmp_path: Path) -> None:
    write_open_clip_folder(model, tmp_path)
    open_clip = compat.open_clip()
    other, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}")
    other.eval()
    size = model.spec.image_size
    picture = (np.random.default_rng(0).random((size, size, 3)) * 255).astype(np.uint8)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        theirs = other.encode_image(preprocess(Image.fromarray(picture))[None], normalize=True)
        words = other.encode_text(
            open_clip.get_tokenizer(f"local-dir:{tmp_path}")(TEXTS), normalize=True
        )
        assert (theirs - model.encode_image(pixels)).abs().max() <= 1e-5
        assert (words - model.encode_text(TEXTS)).abs().max() <= 1e-5
    assert preprocess.transforms[0].interpolation.value == "bicubic"
    assert float(other.logit_scale.exp()) == pytest.approx(model.spec.logit_scale)


def test_two_exports_are_equal_and_described(model: OpenClipModel, tmp_path: Path) -> None:
    exports = [write_open_clip_folder(model, tmp_path / name) for name in "ab"]
    assert exports[0] == exports[1]
    for export in exports[0]:
        first, second = (tmp_path / name / export.artifact.name for name in "ab")
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size == export.artifact.size_bytes
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [
        "open_clip_config.json",
        "open_clip_model.safetensors",
    ]


def test_files_are_readable_like_any_other(vit: OpenClipModel, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_open_clip_folder(vit, tmp_path / "out")
    wanted = (tmp_path / "plain").stat().st_mode
    assert {file.stat().st_mode for file in (tmp_path / "out").iterdir()} == {wanted}


def test_header_names_the_tool_and_nothing_else(vit: OpenClipModel, tmp_path: Path) -> None:
    write_open_clip_folder(vit, tmp_path)
    with safe_open(tmp_path / "open_clip_model.safetensors", "np") as file:
        assert set(file.metadata()) == {"clipguard"}
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118  # no mapping
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    assert config["preprocess_cfg"]["mean"] == list(vit.spec.mean)
    assert str(tmp_path) not in (tmp_path / "open_clip_config.json").read_text()


class Tied:
    """A model of half precision two of whose names share one tensor."""

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec
        self.shared = torch.arange(6, dtype=torch.float16).reshape(2, 3)

    def state(self) -> dict[str, Tensor]:
        return {"b": self.shared, "a": self.shared, "turned": self.shared.T}


def test_shared_turned_and_half_tensors_are_written_whole(
    vit: OpenClipModel, tmp_path: Path
) -> None:
    tied = Tied(vit.spec)
    write_open_clip_folder(tied, tmp_path)
    with safe_open(tmp_path / "open_clip_model.safetensors", "np") as file:
        for name, wanted in tied.state().items():
            found = file.get_tensor(name)
            assert found.dtype == np.float32
            assert np.array_equal(found, wanted.float().numpy())


def test_a_folder_below_a_file_is_told_in_one_line(vit: OpenClipModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"output\.no_folder"):
        write_open_clip_folder(vit, tmp_path / "file" / "deep")
