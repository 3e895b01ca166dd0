"""From paths, patterns, folders and lists to the models that are meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from clipguard.checkpoint.folder import ENDINGS
from clipguard.checkpoint.sidecar import HF_CONFIG, OPEN_CLIP_CONFIG
from clipguard.core.errors import InputError


def find(given: Iterable[str]) -> tuple[Path, ...]:
    """Every model once, sorted by path.

    A folder with a model's configuration is a model; any other stands for the checkpoint files and
    model folders below it. A pattern such as ``models/**/*.pt`` stands for what it matches.

    Raises:
        InputError: a path does not exist, or one of the arguments leads to no model.
    """
    found: set[Path] = set()
    for text in given:
        paths = [Path(name) for name in _matches(text)]
        models = [model for path in paths for model in _below(path, named=True)]
        if not models:
            raise InputError(
                "fleet.no_model",
                "leads to no model",
                where=text,
                remedy="check the path, or name the files themselves",
            )
        found.update(models)
    return tuple(sorted(found))


def read_list(path: Path) -> Sequence[str]:
    """The lines of a list file, relative to its folder; ``#`` begins a comment line.

    Raises:
        InputError: it cannot be read.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(
            "fleet.list",
            "the list cannot be read",
            where=str(path),
            remedy="give a text file with one path per line",
        ) from error
    return [str(path.parent / line) for line in lines if line and not line.startswith("#")]


def _matches(text: str) -> list[str]:
    """What exists is meant as it is, even if its name holds the signs of a pattern."""
    return glob(text, recursive=True) if has_magic(text) and not Path(text).exists() else [text]


def _below(path: Path, *, named: bool) -> Iterator[Path]:
    if path.is_dir():
        if any((path / name).is_file() for name in (OPEN_CLIP_CONFIG, HF_CONFIG)):
            yield path
        else:
            for entry in sorted(path.iterdir()):
                yield from _below(entry, named=False)
    elif (named and path.exists()) or (path.suffix.lower() in ENDINGS and path.is_file()):
        yield path
