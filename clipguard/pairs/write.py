"""Drawn pairs written out for other programs: a CSV with pictures, or webdataset shards."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PIL import Image

from clipguard.core import atomic
from clipguard.core.progress import SILENT, Progress, Stage
from clipguard.pairs.synthetic import SyntheticPairs

Format = Literal["csv", "webdataset"]
PER_SHARD = 1000


def write_pairs(
    pairs: SyntheticPairs,
    target: Path,
    image_size: int,
    *,
    format: Format = "csv",
    progress: Progress = SILENT,
) -> None:
    """Write all pairs to the folder ``target``, whole or not at all; equal pairs, equal bytes.

    ``csv``: ``pairs.csv`` with the columns ``filepath`` and ``title``, and ``images/*.png``.
    ``webdataset``: ``00000.tar`` and so on, a ``.png`` and a ``.txt`` for each pair.

    Raises:
        InputError: ``target`` holds something.
        MachineError: it cannot be written.
    """
    with atomic.folder(target) as folder, progress.stage("drawing", len(pairs)) as stage:
        _WRITERS[format](pairs, folder, image_size, stage)


def _write_csv(pairs: SyntheticPairs, folder: Path, image_size: int, stage: Stage) -> None:
    (folder / "images").mkdir()
    with (folder / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("filepath", "title"))
        for index in range(len(pairs)):
            name = f"images/{index:07d}.png"
            (folder / name).write_bytes(_png(pairs, index, image_size))
            table.writerow((name, pairs.scene(index).caption))
            stage.advance()


def _write_shards(pairs: SyntheticPairs, folder: Path, image_size: int, stage: Stage) -> None:
    for shard, start in enumerate(range(0, len(pairs), PER_SHARD)):
        with tarfile.open(folder / f"{shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for index in range(start, min(start + PER_SHARD, len(pairs))):
                caption = pairs.scene(index).caption.encode()
                _add(tar, f"{index:09d}.png", _png(pairs, index, image_size))
                _add(tar, f"{index:09d}.txt", caption)
                stage.advance()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # time 0 and no owner: equal pairs give equal bytes
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def _png(pairs: SyntheticPairs, index: int, image_size: int) -> bytes:
    data = io.BytesIO()
    picture = Image.fromarray(pairs.pixels_uint8(index, image_size))
    picture.save(data, "PNG", compress_level=3)
    return data.getvalue()


_WRITERS: dict[Format, Callable[[SyntheticPairs, Path, int, Stage], None]] = {
    "csv": _write_csv,
    "webdataset": _write_shards,
}
