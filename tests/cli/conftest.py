"""The command line in this process, and a pipeline that answers at once."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clipguard.cli import main
from clipguard.core.results import Result, Scan


@dataclass(frozen=True)
class Ended:
    """How one command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Work in an empty folder, with no settings of the machine, and leave logging as it was."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLIPGUARD_MODEL", "CLIPGUARD_DEBUG", "CLIPGUARD_SCAN_SEED", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run ``clipguard ARGUMENTS`` in this process."""

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return Ended(code, streams.out, streams.err)

    return run


@dataclass
class Pipeline:
    """Stands in for the pipeline: keeps the request; returns the answer or raises."""

    answer: Result
    requests: list[Any] = field(default_factory=list)
    exit_code: int = 0
    error: BaseException | None = None

    def __call__(self, request: Any, progress: Any) -> Result:
        self.requests.append(request)
        with progress.stage("replay", 2) as stage:
            stage.advance()
        if self.error is not None:
            raise self.error
        return replace(
            self.answer,
            settings=dict(request.settings),
            origins=dict(request.origins),
            exit_code=self.exit_code,
        )

    @property
    def request(self) -> Any:
        """What the last command asked for."""
        return self.requests[-1]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, empty_result: Result) -> Pipeline:
    """Replaces scan, clean, audit and drill; the commands import them only when they run."""
    stand_in = Pipeline(empty_result)
    for name in ("scan", "clean", "audit", "drill"):
        module = ModuleType(f"clipguard.pipeline.{name}")
        setattr(module, name, stand_in)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return stand_in


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """The module that makes results, shared with the tests of reports."""
    path = Path(__file__).parents[1] / "report" / "builders.py"
    spec = importlib.util.spec_from_file_location("cli_builders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Stored:
    """Stands in for probing: the scan that every model gets."""

    scan: Scan | None = None

    def __call__(self, request: Any, seeds: Any, progress: Any, **_: Any) -> Any:
        from clipguard.pipeline.scan import Probed

        return Probed(self.scan, None, object())


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    """Scan and audit judge a stored scan; all but the probing is real."""
    from clipguard.pipeline import audit, scan

    stand_in = Stored()
    for module in (audit, scan):
        monkeypatch.setattr(module, "probe", stand_in)
    monkeypatch.setattr(audit, "retake", lambda *_: None)
    return stand_in
