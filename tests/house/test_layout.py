"""The shape of the repository: packages, sizes, and how the project speaks of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clipguard
from clipguard.config import toml

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
PROJECT = toml.load(ROOT / "pyproject.toml")
SETUP = PROJECT["tool"]["setuptools"]


def files(*patterns: str) -> list[Path]:
    """Files of the checkout, without what tools and benches leave behind."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    left_behind = {path for path in found if "__pycache__" in path.parts}
    return sorted(found - left_behind - set((ROOT / "bench/work").rglob("*")))


def test_the_package_list_is_the_folder_tree():
    homes = {home: name for name, home in SETUP["package-dir"].items()}
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in files("clipguard/**/*.py")}
    found |= {"clipguard"} | {homes[home] for home in ("rules", "templates", "bench/examples")}
    assert set(SETUP["packages"]) == found
    assert all((ROOT / home / "__init__.py").is_file() for home in homes)


def test_one_version():
    assert PROJECT["project"]["version"] == clipguard.__version__


def test_no_module_hides_a_package_of_data():
    assert not any((ROOT / "clipguard" / f"{name}.py").exists() for name in ("rules", "templates"))


@pytest.mark.parametrize("pattern", ["clipguard/**/*.py", "bench/**/*.py", "tests/**/*.py"])
def test_modules_are_short(pattern):
    lengths = {path: len(path.read_text().splitlines()) for path in files(pattern)}
    assert {str(path): length for path, length in lengths.items() if length >= LONGEST} == {}


def test_rooms_say_what_they_hold():
    rooms = sorted((ROOT / "clipguard").glob("*/__init__.py"))
    assert [str(room) for room in rooms if not re.match(r'"""(?!TODO)', room.read_text())] == []


def test_tests_mirror_the_rooms():
    rooms = {path.parent.name for path in (ROOT / "clipguard").glob("*/__init__.py")}
    tested = {
        path.parent.relative_to(ROOT / "tests").parts[0] for path in files("tests/**/test_*.py")
    }
    assert rooms <= tested
    assert tested <= rooms | {"house", "bench"}


def test_the_open_ends_are_closed():
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    sources = files("clipguard/**/*", "rules/**/*.toml", "templates/*", "docs/**/*.md", "README.md")
    texts = {path: path.read_bytes().decode(errors="replace") for path in sources}
    assert [str(path) for path, text in texts.items() if marks.search(text)] == []
