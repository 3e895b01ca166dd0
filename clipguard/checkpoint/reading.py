"""From a path to a recognised checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

from clipguard.checkpoint.architecture import recognise
from clipguard.checkpoint.contents import Contents
from clipguard.checkpoint.expected import expected_shapes, is_plain
from clipguard.checkpoint.folder import read_path
from clipguard.checkpoint.layout import Renamed, recognise_layout
from clipguard.checkpoint.sidecar import Hints, beside, requested
from clipguard.checkpoint.source import combined
from clipguard.checkpoint.state import name_notes, without_prefixes
from clipguard.checkpoint.strangers import unknown
from clipguard.checkpoint.tensors import FLOATS, NamedTensors, Readable
from clipguard.checkpoint.types import Checkpoint, TensorInfo
from clipguard.core.errors import RefusedError
from clipguard.core.results import Artifact, Note
from clipguard.core.text import printable

_HUGGING_FACE = "Hugging Face CLIPModel"
_SHOWN = 3


def open_checkpoint(path: str | Path, *, arch: str | None = None) -> Checkpoint:
    """Recognise a checkpoint file or model folder; no code in it runs, nothing is imported from it.

    Args:
        path: a file of any supported format, or a folder.
        arch: open_clip architecture name or JSON configuration file; None: recognise it.

    Raises:
        HostileFile: the file would run code where it is loaded.
        InputError: it cannot be read, or is no CLIP model.
        RefusedError: it contradicts itself, exceeds a limit, or asks for what is not listed.
    """
    wanted = requested(arch) if arch else None
    contents, folder = read_path(Path(path))
    short, prefixes = without_prefixes(contents.tensors)
    renamed = recognise_layout({short[name]: t for name, t in contents.tensors.items()})
    if renamed is None:
        raise unknown(contents.tensors, contents.where, "no tensor has a name that CLIP uses")
    hints = wanted or beside(folder, hugging_face=renamed.layout.title == _HUGGING_FACE)
    if contents.quick_gelu is not None and hints.quick_gelu is None:
        hints = replace(hints, quick_gelu=contents.quick_gelu)
    return _checkpoint(contents, renamed, hints, prefixes, _artifact(Path(path), contents, hints))


def _checkpoint(
    contents: Contents,
    renamed: Renamed,
    hints: Hints,
    prefixes: tuple[str, ...],
    artifact: Artifact,
) -> Checkpoint:
    if renamed.unexplained:
        first = printable(renamed.unexplained[0])
        why = f"{len(renamed.unexplained)} tensors unexplained, first {first}"
        raise unknown([*renamed.tensors, *renamed.unexplained], contents.where, why)
    infos = {name: tensor.info for name, tensor in renamed.tensors.items()}
    found = recognise(infos, hints, contents.where)
    used = _used(renamed.tensors, found.candidates[0].config)
    dtype, notes = _dtype(used, contents.where)
    return Checkpoint(
        artifact=artifact,
        format=contents.format,
        layout=renamed.layout.title,
        dtype=dtype,
        candidates=found.candidates,
        tensors=NamedTensors(used),
        evidence=(*contents.evidence, *_layout_evidence(renamed, prefixes), *found.evidence),
        notes=(
            *contents.notes,
            *name_notes(contents.tensors),
            *_dropped_note(renamed.dropped),
            *notes,
            *found.notes,
        ),
        findings=(*contents.findings, *hints.findings),
    )


def _artifact(path: Path, contents: Contents, hints: Hints) -> Artifact:
    """One file as it is; a folder or a sharded model by all files that were read."""
    if path.is_dir():
        name = path.resolve().name
        return combined(name, [*contents.sources, *(hints.sources if not hints.strict else ())])
    if len(contents.sources) > 1:
        return combined(path.name, contents.sources)
    return contents.sources[0].artifact


def _layout_evidence(renamed: Renamed, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    text = f"{len(renamed.tensors)} tensors by the names of {renamed.layout.title}"
    stripped = ", ".join(f"{prefix!r}" for prefix in prefixes)
    return (f"{text}, without the prefix {stripped}" if prefixes else text,)


def _used(tensors: Mapping[str, Readable], config: Mapping[str, object]) -> dict[str, Readable]:
    """The tensors that the model computes with."""
    if not is_plain(config):
        return dict(tensors)
    return {name: tensors[name] for name in expected_shapes(config)}


def _dtype(tensors: Mapping[str, Readable], where: str) -> tuple[str, tuple[Note, ...]]:
    """The type of most weights; anything but plain floats is refused."""
    counts: Counter[str] = Counter()
    for name, tensor in tensors.items():
        _require_float(name, tensor.info, where)
        counts[tensor.info.dtype] += prod(tensor.info.shape)
    ordered = [dtype for dtype, _ in counts.most_common()]
    if len(ordered) == 1:
        return ordered[0], ()
    text = f"weights are stored as {', '.join(ordered)}; computed in float32"
    return ordered[0], (Note(code="tensor.mixed_dtype", text=text),)


def _require_float(name: str, info: TensorInfo, where: str) -> None:
    if info.dtype not in FLOATS:
        raise RefusedError(
            "tensor.kind",
            f"tensor {printable(name)} is {printable(info.dtype)}",
            where=where,
            remedy="give the float32, float16 or bfloat16 checkpoint",
        )


def _dropped_note(dropped: tuple[str, ...]) -> tuple[Note, ...]:
    if not dropped:
        return ()
    shown = ", ".join(printable(name) for name in dropped[:_SHOWN])
    more = f" and {len(dropped) - _SHOWN} more" if len(dropped) > _SHOWN else ""
    text = f"tensors beside the model left out: {shown}{more}"
    return (Note(code="tensor.dropped", text=text),)
