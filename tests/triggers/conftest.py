from __future__ import annotations

from functools import cache

import pytest
import torch

from clipguard.triggers.samples import neutral


@cache
def still_lifes(size: int) -> torch.Tensor:
    plain = neutral(size)
    turned = [plain, plain.flip(2), plain.transpose(1, 2), plain.flip(0, 1)]
    return torch.stack(turned)


@pytest.fixture
def carriers():
    """Four unlike pictures of any size, values of whole bytes."""
    return lambda size: still_lifes(size).clone()


@pytest.fixture
def draws():
    """A fresh generator of any seed."""
    return lambda seed=0: torch.Generator().manual_seed(seed)
