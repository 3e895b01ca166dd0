"""Outputs are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipguard.core.errors import InputError, MachineError

PREFIX = ".clipguard-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` through a temporary sibling, fsync and rename.

    Raises:
        MachineError: the folder is missing, read-only or full.
    """
    with explained(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """A temporary sibling of ``path`` that takes its name, safe on disk, when the block ends well.

    Raises:
        MachineError: the folder is missing, read-only or full.
    """
    with explained(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=".tmp")
        os.close(handle)
        try:
            yield Path(name)
            with open(name, "rb") as written:
                os.fsync(written.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """A temporary sibling of ``target`` that takes its name when the block ends well.

    Raises:
        InputError: ``target`` exists and holds something.
        MachineError: the parent is missing, read-only or full.
    """
    target = target.absolute()
    require_vacant(target)
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=PREFIX))
        try:
            yield staging
            staging.chmod(0o777 & ~_umask())
            if target.exists():
                target.rmdir()
            os.replace(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` for unfinished files, gone when the block ends.

    Raises:
        MachineError: the parent is missing, read-only or full.
    """
    target = target.absolute()
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=PREFIX) as name:
            yield Path(name)


def require_vacant(target: Path) -> None:
    """Refuse to write over anything.

    Raises:
        InputError: ``target`` exists and is no empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            "output.exists",
            "the output exists and is not empty",
            where=str(target),
            remedy="choose another folder or remove it",
        )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into errors with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise MachineError(
                "output.no_space", "no space left", where=str(path), remedy="free some space"
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise MachineError(
                "output.read_only", "cannot write here", where=str(path), remedy="choose another -o"
            ) from error
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise MachineError(
                "output.no_folder",
                "the folder does not exist",
                where=str(path),
                remedy="create it first",
            ) from error
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
