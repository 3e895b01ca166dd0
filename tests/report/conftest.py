"""Results of every shape, by fixture: test modules cannot import each other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

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
