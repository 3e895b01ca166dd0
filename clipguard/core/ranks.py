"""Which of several processes this is, as ``torchrun`` and ``accelerate launch`` tell it."""

from __future__ import annotations

import os


def count() -> int:
    """How many processes work together; 1 when this one was started alone."""
    return max(_number("WORLD_SIZE", 1), 1)


def rank() -> int:
    """The number of this process among them, from 0."""
    return _number("RANK", 0) if count() > 1 else 0


def local_rank() -> int:
    """Its number among those on this machine."""
    return _number("LOCAL_RANK", rank()) if count() > 1 else 0


def is_main() -> bool:
    """Whether this is the one process that writes and speaks."""
    return rank() == 0


def _number(name: str, otherwise: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else otherwise
