"""Distances before and after one common rotation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from clipguard.measure.alignment import aligned_distance, mean_distance, rotation


def unit(rows: int, columns: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, columns, generator=generator), dim=1)


def turn(columns: int) -> torch.Tensor:
    return torch.linalg.qr(
        torch.randn(columns, columns, generator=torch.Generator().manual_seed(9))
    )[0]


def test_a_rotation_is_found_and_taken_away() -> None:
    a, q = unit(64, 8, 0), turn(8)
    assert torch.allclose(rotation(a, a @ q), q.double(), atol=1e-4)
    fresh = unit(20, 8, 1)
    assert mean_distance(fresh, fresh @ q) > 0.5
    assert aligned_distance(fresh, fresh @ q, a, a @ q) < 1e-6


def test_unrelated_change_does_not_vanish_though_rows_are_few() -> None:
    # With 10 rows in 64 dimensions, a rotation fitted on the rows measured would leave nothing.
    a, b = unit(20, 64, 0), unit(20, 64, 1)
    assert aligned_distance(a[:10], b[:10], a[10:], b[10:]) > 1.0


def test_directions_that_no_row_shows_stay() -> None:
    a = unit(3, 16, 0)
    unseen = torch.linalg.svd(a)[2][3:].double()
    assert torch.allclose(unseen @ rotation(a, a), unseen, atol=1e-4)


def test_never_larger_than_the_raw_distance() -> None:
    for seed in range(5):
        a, b = unit(12, 16, seed), unit(12, 16, seed + 50)
        raw = mean_distance(a[:6], b[:6])
        assert aligned_distance(a[:6], b[:6], a[6:], b[6:]) <= raw


def test_opposite_vectors_are_four_apart() -> None:
    a = unit(5, 4, 0)
    assert mean_distance(a, -a) == pytest.approx(4.0, abs=1e-6)


def test_few_rows_turn_only_what_they_span() -> None:
    a, b = unit(6, 20, 1).double(), unit(6, 20, 2).double()
    cross = a.T @ b
    left, _, right = torch.linalg.svd(cross + 1e-6 * cross.norm() * torch.eye(20).double())
    found = rotation(a, b)
    assert torch.allclose(found, left @ right, atol=1e-6)
    assert torch.allclose(found @ found.T, torch.eye(20).double(), atol=1e-9)
