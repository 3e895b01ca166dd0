"""Files and folders: which files make up the model, and how each is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from clipguard.checkpoint.contents import Contents
from clipguard.checkpoint.safetensors_file import read_safetensors
from clipguard.checkpoint.sidecar import HF_CONFIG, OPEN_CLIP_CONFIG, parse_json
from clipguard.checkpoint.sniff import Format, sniff
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.state import check_count
from clipguard.checkpoint.tar_file import refuse_tar
from clipguard.checkpoint.tensors import Stored
from clipguard.checkpoint.torch_legacy import read_pickles
from clipguard.checkpoint.torch_zip import read_torch_zip
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.results import Note
from clipguard.core.text import printable

# Names that loaders look for, by preference: a format that cannot run code comes first.
_OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin", "open_clip_pytorch_model.pt",
)  # fmt: skip
_HF_WEIGHTS = (
    "model.safetensors", "model.safetensors.index.json",
    "pytorch_model.bin", "pytorch_model.bin.index.json",
)  # fmt: skip
ENDINGS = frozenset({".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".pkl", ".tar", ".jit"})
_SHOWN = 6
_MOST_SHARDS = 1_000


def read_path(path: Path) -> tuple[Contents, Path]:
    """Read a checkpoint file or model folder.

    Returns:
        Its tensors, and the folder in which a configuration may lie beside them.

    Raises:
        ClipguardError: there is no model, several, or one that cannot be read.
    """
    if not path.is_dir():
        return _read_file(path), path.parent
    weights, unread = _weights_in(path)
    contents = _read_file(weights)
    config = next((n for n in (OPEN_CLIP_CONFIG, HF_CONFIG) if (path / n).is_file()), None)
    kind = f"folder with {weights.name}" + (f" and {config}" if config else "")
    notes = (*contents.notes, *_unread_note(unread))
    return replace(contents, evidence=(printable(kind), *contents.evidence), notes=notes), path


def _read_file(path: Path, *, shard: bool = False) -> Contents:
    source = Source(path)
    kind = sniff(source)
    if kind is Format.INDEX and not shard:
        contents = _read_shards(source)
    elif kind is Format.INDEX:
        raise _escape(source, path.name)
    elif kind is Format.SAFETENSORS:
        contents = read_safetensors(source)
    elif kind is Format.ZIP:
        contents = read_torch_zip(source)
    elif kind is Format.TAR:
        refuse_tar(source)
    else:
        contents = read_pickles(source)
    source.unchanged()
    return contents


def _unread_note(names: list[str]) -> tuple[Note, ...]:
    text = f"other model files in the folder were not read: {_enumerated(names)}"
    return (Note(code="folder.unread", text=text),) if names else ()


def _enumerated(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _weights_in(folder: Path) -> tuple[Path, list[str]]:
    """The model's file, and other files in the folder that look like models."""
    names = _list(folder)
    known = (*_OPEN_CLIP_WEIGHTS, *_HF_WEIGHTS)
    if OPEN_CLIP_CONFIG not in names and HF_CONFIG in names:
        known = (*_HF_WEIGHTS, *_OPEN_CLIP_WEIGHTS)
    others = sorted(name for name in names if Path(name).suffix.lower() in ENDINGS)
    models = [name for name in known if name in names][:1] or others
    if len(models) == 1:
        return folder / models[0], _strangers(models[0], others)
    where = printable(str(folder))
    if not models:
        raise InputError(
            "input.no_model",
            "the folder holds no model file",
            where=where,
            remedy="give the checkpoint file itself",
        )
    raise InputError(
        "input.ambiguous",
        f"the folder holds {len(models)} models: {_enumerated(models)}",
        where=where,
        remedy="give one of them",
    )


def _strangers(chosen: str, others: list[str]) -> list[str]:
    """Model files that are neither the chosen one nor shards of it."""
    stem = chosen.split(".")[0]
    sharded = chosen.endswith(".index.json")
    return [n for n in others if n != chosen and not (sharded and n.startswith(f"{stem}-"))]


def _list(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except OSError:
        raise InputError(
            "file.permission",
            "the folder cannot be listed",
            where=printable(str(folder)),
            remedy="make the folder readable",
        ) from None


def _read_shards(index: Source) -> Contents:
    """A model in several files, as its index lists them."""
    table = parse_json(index).get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise InputError(
            "shard.index", "no weight_map of file names", where=index.where,
            remedy="download the index again",
        )  # fmt: skip
    check_count(len(table), index.where)
    shards = {name: _shard(index, name) for name in sorted(set(table.values()))[:_MOST_SHARDS]}
    tensors: dict[str, Stored] = {}
    for name, shard in table.items():
        if shard not in shards or name not in shards[shard].tensors:
            raise InputError(
                "shard.missing",
                f"tensor {printable(name)} is not in {printable(shard)}",
                where=index.where,
                remedy="download the whole folder again",
            )
        tensors[name] = shards[shard].tensors[name]
    parts = list(shards.values())
    return Contents(
        sources=(index, *(source for part in parts for source in part.sources)),
        format=f"{parts[0].format}-sharded" if parts else "sharded",
        where=index.where,
        tensors=tensors,
        evidence=(f"index of {len(shards)} files",),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        findings=tuple(finding for part in parts for finding in part.findings),
    )


def _shard(index: Source, name: str) -> Contents:
    """One file of the index, which must lie in the index's own folder."""
    folder = index.path.parent.resolve()
    outside = "\\" in name or "\0" in name or len(PurePosixPath(name).parts) != 1 or name == ".."
    if outside or ":" in name:
        raise _escape(index, name)
    path = folder / name
    if not path.exists():
        raise InputError(
            "shard.missing",
            f"{printable(name)} is missing",
            where=index.where,
            remedy="download the whole folder again",
        )
    return _read_file(path, shard=True)


def _escape(index: Source, name: str) -> RefusedError:
    return RefusedError(
        "path.escape",
        f"the index points to another index or outside its folder: {printable(name)}",
        where=index.where,
        remedy="obtain the model from a publisher you trust",
    )
