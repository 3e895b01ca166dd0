from __future__ import annotations

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from clipguard.measure.zero_shot import accuracies, class_ranks

SCORES = torch.rand(200, 9, generator=torch.Generator().manual_seed(0))
LABELS = torch.cat([torch.zeros(120), torch.arange(80) % 8 + 1]).long()
SCORES[torch.arange(200), LABELS] += 0.2


def test_ranks_by_hand():
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5], [0.3, 0.3, 0.3]])
    assert class_ranks(scores, torch.tensor([0, 2, 1])).tolist() == [0, 1, 2]


def test_accuracies_are_those_of_scikit_learn():
    found = accuracies(SCORES, LABELS)
    for top in (1, 5):
        theirs = top_k_accuracy_score(LABELS, SCORES, k=top)
        assert found[f"acc{top}"].mean == pytest.approx(theirs)
    theirs = balanced_accuracy_score(LABELS, SCORES.argmax(1))
    assert found["mean_per_class_recall"].mean == pytest.approx(theirs)
    assert found["mean_per_class_recall"].mean != pytest.approx(found["acc1"].mean)


def test_classes_without_pictures_have_no_recall():
    found = accuracies(SCORES[:, :6], torch.zeros(200).long())
    assert found["mean_per_class_recall"].mean == pytest.approx(found["acc1"].mean)


def test_a_collapsed_model_knows_nothing():
    found = accuracies(torch.ones(20, 12), torch.arange(20) % 12)
    assert {name: item.mean for name, item in found.items()} == dict.fromkeys(
        ("acc1", "acc5", "mean_per_class_recall"), 0.0
    )


def test_top_5_of_5_classes_says_nothing():
    assert set(accuracies(torch.rand(8, 5), torch.arange(8) % 5)) == {
        "acc1", "mean_per_class_recall",
    }  # fmt: skip
