from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import top_k_accuracy_score
from torch.nn import functional as F

from clipguard.measure.retrieval import recalls


def means(*given) -> dict[str, float]:
    return {name: item.mean for name, item in recalls(*given).items()}


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_two_pictures_with_several_captions_by_hand():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # Captions 0 and 1 belong to picture 0, 2 to picture 1; caption 1 lies nearer to the wrong one.
    texts = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    pictures, captions = np.array([0, 0, 1]), np.array([0, 1, 2])
    found = recalls(images, texts, pictures, captions)
    # Caption 2 is as near to both pictures, which counts as a miss; picture 1 finds caption 1.
    assert found["image_retrieval_recall@1"].values.tolist() == [1.0, 0.0, 0.0]
    assert found["image_retrieval_recall@1"].groups.tolist() == [0, 0, 1]
    assert found["text_retrieval_recall@1"].values.tolist() == [1.0, 0.0]
    assert set(found) == {"image_retrieval_recall@1", "text_retrieval_recall@1"}


def test_with_one_caption_each_it_is_top_k_accuracy():
    images, texts = unit(40, 8), F.normalize(unit(40, 8) + 0.6 * unit(40, 8, seed=1), dim=1)
    order = np.arange(40)
    found = means(images, texts, order, order)
    scores = (texts @ images.T).numpy()
    for k in (1, 5, 10):
        assert found[f"image_retrieval_recall@{k}"] == top_k_accuracy_score(order, scores, k=k)
        assert found[f"text_retrieval_recall@{k}"] == top_k_accuracy_score(order, scores.T, k=k)
    assert found["image_retrieval_recall@1"] < found["image_retrieval_recall@10"]


def test_a_shared_caption_matches_every_picture_that_has_it():
    images, texts = unit(30, 6), unit(20, 6, seed=1)
    pictures = np.arange(30)
    captions = pictures % 20
    found = recalls(images, texts, pictures, captions)
    scores = texts @ images.T
    for caption in range(20):
        own = [caption, caption + 20] if caption < 10 else [caption]
        hit = bool(set(scores[caption].topk(5).indices.tolist()) & set(own))
        assert found["image_retrieval_recall@5"].values[caption] == hit


def test_chunks_change_nothing(monkeypatch):
    given = unit(30, 6), unit(30, 6, seed=1), np.arange(30), np.arange(30)[::-1].copy()
    whole = means(*given)
    monkeypatch.setattr("clipguard.measure.retrieval._CHUNK", 7)
    assert means(*given) == whole


def test_a_collapsed_model_finds_nothing():
    alike = unit(1, 4).expand(12, 4)
    order = np.arange(12)
    assert set(means(alike, alike, order, order).values()) == {0.0}


@pytest.mark.parametrize("count", [1, 3])
def test_depths_that_reach_everything_are_left_out(count):
    given = unit(count, 4)
    order = np.arange(count)
    assert len(recalls(given, given, order, order)) == (0 if count == 1 else 2)
