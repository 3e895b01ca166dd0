"""Shards as webdataset writes them: tar archives with a picture and a caption for each sample."""

from __future__ import annotations

import hashlib
import itertools
import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from clipguard.core.errors import InputError, RefusedError
from clipguard.core.text import printable
from clipguard.pairs.files import Entry, FilePairs, Intake, caption
from clipguard.pairs.slices import Slices
from clipguard.pairs.table import CAPTIONS
from clipguard.pairs.tar import Member, members

PICTURES = ("jpg", "jpeg", "png", "webp")
TEXTS = ("txt", "json")
CODE = ("pyd", "pickle", "pkl", "pt", "pth", "py", "pyc", "so", "dll", "exe", "sh")
LARGEST_PICTURE = 32 << 20
LARGEST_TEXT = 1 << 20


def read_shards(paths: Sequence[Path]) -> FilePairs:
    """The samples of tar archives, in order. Pictures are read and decoded when asked for.

    Of each sample the picture and the caption are used (``txt``, else the caption in ``json``);
    other members are passed by.

    Raises:
        InputError: a shard is missing, no tar archive or cut off, more than 1 % of the samples
            cannot be used, or most captions are alike.
        RefusedError: a member holds code.
    """
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    intake = Intake(where)
    shards = _Shards(paths, where, intake)
    pairs = FilePairs(shards, intake)
    if not len(shards):
        raise InputError(
            "data.empty", "the shards hold no sample", where=where, remedy="give others"
        )
    intake.require_various(shards)
    return pairs


class _Shards:
    """Samples by the places of their members, 33 bytes for each, whatever their pictures take."""

    def __init__(self, paths: Sequence[Path], where: str, intake: Intake) -> None:
        self.where = where
        self._files = [_opened(path) for path in paths]
        self._shard, self._number = array("I"), array("I")
        self._picture, self._text = (array("Q"), array("I")), (array("Q"), array("I"))
        self._json = array("B")
        self._digest = hashlib.sha256()
        for shard, path in enumerate(paths):
            self._index(shard, path, intake)
        self.id = f"shards:{len(self)}:{self._digest.hexdigest()[:8]}"

    def __len__(self) -> int:
        return len(self._number)

    def entry(self, index: int) -> Entry:
        """The sample at ``index`` with the bytes of its picture."""
        shard = self._shard[index]
        file = self._files[shard]
        picture, text = (
            file.read(at[0][index], at[1][index]) for at in (self._picture, self._text)
        )
        label = f"{file.path.name} sample {self._number[index]}"
        words = _words(text, is_json=bool(self._json[index]))
        return Entry(f"{shard}/{label}", label, picture, words)

    def _index(self, shard: int, path: Path, intake: Intake) -> None:
        seen: set[str] = set()
        with path.open("rb") as file:
            samples = itertools.groupby(_named(members(file, path), path), key=lambda item: item[0])
            for number, (key, group) in enumerate(samples, start=1):
                parts = [(kind, member) for _, kind, member in group]
                label = f"{path.name} sample {number}"
                reason = "its name appears twice" if key in seen else _unusable(key, parts)
                seen.add(key)
                if reason:
                    intake.bad(label, f"{printable(key, 40)}: {reason}")
                    continue
                picture, is_json, text = _chosen(parts)
                file.seek(text.place)
                words = _words(file.read(text.size), is_json=is_json)
                if not words:
                    intake.bad(label, f"{printable(key, 40)}: no caption")
                    continue
                intake.good(label, words)
                self._add(shard, number, picture, text, is_json=is_json)
                self._digest.update(f"{key}\0{picture.size}\0{words}\n".encode(errors="replace"))

    def _add(
        self, shard: int, number: int, picture: Member, text: Member, *, is_json: bool
    ) -> None:
        self._shard.append(shard)
        self._number.append(number)
        self._json.append(is_json)
        for (places, sizes), member in ((self._picture, picture), (self._text, text)):
            places.append(member.place)
            sizes.append(member.size)


def _opened(path: Path) -> Slices:
    if not path.is_file():
        raise InputError(
            "data.missing", "no such file", where=str(path), remedy="check the path and the range"
        )
    return Slices(path)


def _named(found: Iterator[Member], path: Path) -> Iterator[tuple[str, str, Member]]:
    """Sample, kind and member, of the kinds that are read."""
    for member in found:
        folder, slash, name = member.name.rpartition("/")
        stem, _, kind = name.partition(".")
        kind = kind.lower()
        if kind.rpartition(".")[2] in CODE:
            raise RefusedError(
                "data.code_member",
                f"{printable(member.name, 80)} may hold code",
                where=str(path),
                remedy="write the shard again with pictures and captions alone",
            )
        if kind in PICTURES + TEXTS:
            yield f"{folder}{slash}{stem}", kind, member


def _unusable(key: str, parts: Sequence[tuple[str, Member]]) -> str:
    name = PurePosixPath(key)
    kinds = [kind for kind, _ in parts]
    pictures = [member for kind, member in parts if kind in PICTURES]
    reasons = {
        "its name leaves the archive": name.is_absolute() or ".." in name.parts,
        "no picture": not pictures,
        "several pictures": len(pictures) > 1,
        "no caption": len(pictures) == len(parts),
        "a member appears twice": len(set(kinds)) < len(kinds),
        f"larger than {LARGEST_PICTURE >> 20} MiB": any(
            member.size > (LARGEST_PICTURE if kind in PICTURES else LARGEST_TEXT)
            for kind, member in parts
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _chosen(parts: Sequence[tuple[str, Member]]) -> tuple[Member, bool, Member]:
    """Picture, and the caption's member with whether it is JSON."""
    by_kind = dict(parts)
    picture = next(member for kind, member in parts if kind in PICTURES)
    return picture, "txt" not in by_kind, by_kind.get("txt") or by_kind["json"]


def _words(data: bytes, *, is_json: bool) -> str:
    try:
        if not is_json:
            return caption(data.decode("utf-8-sig"))
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    return next(filter(None, (caption(found.get(name)) for name in CAPTIONS)), "")
