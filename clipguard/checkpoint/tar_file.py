"""Tar archives: torch's oldest format is walked for attacks, and none is read further."""

from __future__ import annotations

from collections.abc import Iterator

from clipguard.checkpoint.contents import Judgement, walk_all
from clipguard.checkpoint.findings import RESAVE
from clipguard.checkpoint.source import Source
from clipguard.core.errors import RefusedError

_BLOCK = 512
_MOST_MEMBERS = 1_000
_PARTS = {"pickle", "storages", "tensors"}


def refuse_tar(source: Source) -> None:
    """Look into every member, then refuse.

    Raises:
        HostileFile: a member is a pickle that would run code.
        RefusedError: always, otherwise.
    """
    judgement = Judgement(source)
    names = set()
    for name, start, size in _members(source):
        names.add(name.removeprefix("./"))
        data = memoryview(source.data)[start : start + size]
        walk_all(data, name, source.where, judgement)
    judgement.decide()
    if names >= _PARTS:
        raise RefusedError(
            "format.torch_tar",
            "a tar checkpoint, as torch wrote before version 0.1.10",
            where=source.where,
            remedy=RESAVE,
        )
    raise RefusedError(
        "format.archive",
        "a tar archive",
        where=source.where,
        remedy="unpack it and give the model file inside",
    )


def _members(source: Source) -> Iterator[tuple[str, int, int]]:
    place = 0
    for _ in range(_MOST_MEMBERS):
        header = source.data[place : place + _BLOCK]
        if len(header) < _BLOCK or not header[0]:
            return
        try:
            size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        except ValueError:
            return
        yield header[:100].rstrip(b"\0").decode("utf-8", "replace"), place + _BLOCK, size
        place += _BLOCK + (size + _BLOCK - 1) // _BLOCK * _BLOCK
