"""Results of every shape, by fixture: test modules cannot import each other."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clipguard.core.results import Result


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "report_builders", Path(__file__).with_name("builders.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BUILDERS = _load()
SHAPES: dict[str, Result] = BUILDERS.shapes()


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """The module that makes results."""
    return BUILDERS


@pytest.fixture(params=sorted(SHAPES))
def shape(request: pytest.FixtureRequest) -> Result:
    """One result of every shape."""
    return SHAPES[request.param]


@pytest.fixture(scope="session")
def shapes() -> dict[str, Result]:
    """All of them, by name."""
    return SHAPES


def _spoil(item: Any, text: str) -> Any:
    if type(item) is str:
        return item if item in {"pass", "fail", "error", "inconclusive"} else text + item
    if isinstance(item, tuple):
        return tuple(_spoil(value, text) for value in item)
    if isinstance(item, dict):
        return {key: _spoil(value, text) for key, value in item.items()}
    if dataclasses.is_dataclass(item):
        return dataclasses.replace(  # type: ignore[type-var]  # an instance, not a class
            item,
            **{f.name: _spoil(getattr(item, f.name), text) for f in dataclasses.fields(item)},
        )
    return item


@pytest.fixture(scope="session")
def spoil() -> Callable[[Any, str], Any]:
    """Put a text in front of every other text of a result."""
    return _spoil
