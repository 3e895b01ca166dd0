"""The built wheel, installed away from the checkout: data found, commands work, tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("clipguard", "rules", "templates", "bench/__init__.py", "bench/examples")
FILES = ("pyproject.toml", "README.md", "LICENSE")
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "work", ".*")
# Those that read what is packed beside the code, or start the commands.
ROOMS = ("core", "config", "cli", "draw", "triggers", "verdict", "report")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: building in the checkout would leave a ``build`` folder."""
    copy = tmp_path_factory.mktemp("source")
    for name in (*SOURCES, *FILES):
        source, target = ROOT / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_BEHIND)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    call = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    _run(call, copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's packages and console script."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    _run([*pip, "--target", str(target), str(wheel)], target)
    return target


def test_the_wheel_holds_what_the_checkout_holds(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("clipguard/")}
    homes = {
        "clipguard": "clipguard",
        "clipguard/rules": "rules",
        "clipguard/templates": "templates",
    }
    homes["clipguard/examples"] = "bench/examples"
    for inside, home in homes.items():
        for path in (ROOT / home).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{inside}/{path.relative_to(ROOT / home).as_posix()}" in held


def test_the_licence_and_the_marker_of_types_are_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "clipguard/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--help",), "Exit codes:"),
        (("rules",), "families"),
        (("schema",), "$defs"),
        (("explain", "noise-patch-placed"), "cluster"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_commands_work_elsewhere(installed, tmp_path, arguments, shown):
    script = installed / "bin/clipguard"
    out = _run([sys.executable, str(script), *arguments], tmp_path, installed)
    assert shown in out


def test_an_example_is_recognised(installed, tmp_path):
    examples = sorted((installed / "clipguard/examples").glob("*/model.*"))
    assert examples
    out = _run(
        [sys.executable, "-m", "clipguard", "inspect", str(examples[0])], tmp_path, installed
    )
    assert "architecture" in out


def test_the_suite_passes_on_the_wheel(installed, tmp_path):
    for name in ("tests", "docs", "bench"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT_BEHIND)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    where = "import clipguard; from clipguard.core.resources import rules; print(rules())"
    assert _run([sys.executable, "-c", where], tmp_path, installed).startswith(str(installed))
    rooms = [f"tests/{room}" for room in ROOMS]
    call = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *rooms]
    call += ["-m", "not a11y and not slow"]
    assert " passed" in _run(call, tmp_path, installed)


def _run(call: list[str], folder: Path, packages: Path | None = None) -> str:
    """Run a program in a folder, with ``packages`` in front of what is installed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if packages is not None:
        environment["PYTHONPATH"] = str(packages)
    done = subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
