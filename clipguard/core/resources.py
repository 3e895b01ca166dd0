"""The data shipped with clipguard: ``rules/`` and ``templates/``, wherever it is installed."""

from __future__ import annotations

import hashlib
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # its other home, importlib.resources.abc, exists from Python 3.11 on
    from importlib.abc import Traversable

_CHECKOUT = Path(__file__).resolve().parents[2]
_HOMES = {"rules": "rules", "templates": "templates", "examples": "bench/examples"}


def rules(*parts: str) -> Traversable:
    """A file or folder below ``rules/``."""
    return _root("rules").joinpath(*parts)


def templates() -> Traversable:
    """The folder of report templates."""
    return _root("templates")


def template(name: str) -> str:
    """The text of one of them."""
    return templates().joinpath(name).read_text(encoding="utf-8")


def examples(*parts: str) -> Traversable:
    """A file or folder of the example models."""
    return _root("examples").joinpath(*parts)


def digest(root: Traversable) -> str:
    """SHA-256 over the names and bytes of all data files below ``root``, in sorted order."""
    total = hashlib.sha256()
    for name, file in sorted(_walk(root, "")):
        data = file.read_bytes()
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def _root(name: str) -> Traversable:
    """The installed package ``clipguard.NAME``, else the folder of a bare checkout."""
    try:
        return files(import_module(f"clipguard.{name}"))
    except ModuleNotFoundError:
        return _CHECKOUT / _HOMES[name]


def _walk(root: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in root.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += _walk(entry, f"{name}/")
        elif not name.endswith(".py"):
            found.append((name, entry))
    return found
