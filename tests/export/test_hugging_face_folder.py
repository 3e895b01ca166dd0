"""Weights under Hugging Face's names open in transformers and mean the same there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from clipguard.checkpoint import open_checkpoint
from clipguard.core.errors import InputError
from clipguard.export.hugging_face import write_hugging_face_folder
from clipguard.model import compat
from clipguard.model.openclip import OpenClipModel, build_model

TEXTS = ["a photo of a dog", "two of them"]


def test_transformers_opens_the_folder_and_embeds_alike(vit: OpenClipModel, tmp_path: Path) -> None:
    write_hugging_face_folder(vit, tmp_path)
    compat.open_clip()  # makes torchvision importable for transformers
    from transformers import CLIPModel

    theirs = CLIPModel.from_pretrained(tmp_path).eval()
    pixels = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (vit.spec.mean, vit.spec.std))
    tokens = vit.tokenize(TEXTS)
    with torch.no_grad():
        images = theirs.get_image_features(pixel_values=(pixels - mean) / std)
        words = theirs.get_text_features(input_ids=tokens)
        for found, ours in (
            (images, vit.encode_image(pixels)),
            (words, vit.encode_text(TEXTS)),
        ):
            features = F.normalize(getattr(found, "pooler_output", found), dim=-1)
            assert (features - ours).abs().max() <= 1e-5
    assert float(theirs.logit_scale.exp()) == pytest.approx(vit.spec.logit_scale)


def test_clipguard_reads_back_what_it_wrote(vit: OpenClipModel, tmp_path: Path) -> None:
    write_hugging_face_folder(vit, tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.layout == "Hugging Face CLIPModel"
    state = build_model(checkpoint).state()
    assert all(torch.equal(value, state[name]) for name, value in vit.state().items())
    assert checkpoint.candidates[0].mean == vit.spec.mean


def test_two_exports_are_equal(vit: OpenClipModel, tmp_path: Path) -> None:
    first, second = (write_hugging_face_folder(vit, tmp_path / name) for name in "ab")
    assert first == second


def test_a_resnet_has_no_place_there(model: OpenClipModel, tmp_path: Path) -> None:
    if model.spec.architecture == "tiny-resnet":
        with pytest.raises(InputError, match=r"export\.layout"):
            write_hugging_face_folder(model, tmp_path / "out")
        assert not (tmp_path / "out").exists()
