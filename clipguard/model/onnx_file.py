"""One ONNX file: how it is written, and what it may refer to."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clipguard.core.errors import InputError, RefusedError
from clipguard.model.pair import data_name

IR_VERSION = 8  # of opset 17; every onnxruntime since 1.14 reads it
LARGEST = 2**31 - 2**24  # bytes of weights; one protobuf message ends at 2 GiB
_SMALLEST_OUTSIDE = 1024  # bytes


def store(graph: Any, path: Path, facts: Mapping[str, str]) -> None:
    """Write a graph with nothing of its making but ``facts``; equal graphs give equal bytes.

    Weights above :data:`LARGEST` go to one file beside it, :func:`data_name`.

    Args:
        graph: ``onnx.ModelProto`` with all weights inside; it is changed.
        path: the file to write.
        facts: the metadata.
    """
    for item in (graph, graph.graph, *graph.graph.node):
        item.doc_string = ""
    del graph.metadata_props[:]
    for key, value in sorted(facts.items()):
        graph.metadata_props.add(key=key, value=value)
    graph.producer_name, graph.producer_version = "clipguard", version("clipguard")
    graph.ir_version = IR_VERSION
    large = sum(len(weight.raw_data) for weight in graph.graph.initializer) > LARGEST
    if large:
        _move_out(graph, path)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    if large:  # onnx makes files that their owner alone can read
        shutil.copymode(path, path.with_name(data_name(path.name)))


def require_own_data(path: Path) -> None:
    """Refuse a graph whose weights lie anywhere but in it or in the one file beside it.

    Raises:
        InputError: the file is no ONNX model.
        RefusedError: it refers to another file, or the one beside it is missing or a link.
    """
    wanted = data_name(path.name)
    places = {place for tensor in _tensors(_read(path)) for place in _places(tensor)}
    if not places:
        return
    found = path.with_name(wanted).lstat() if path.with_name(wanted).exists() else None
    own = found is not None and stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if places != {wanted} or not own:
        raise RefusedError(
            "onnx.data",
            f"its weights have to lie in {wanted}, a file of its own and no link",
            where=str(path),
            remedy="export the model again",
        )


def _move_out(graph: Any, path: Path) -> None:
    from onnx import external_data_helper

    # Not by onnx's own loop over all tensors: it looks for the file in the working folder.
    for weight in graph.graph.initializer:
        if len(weight.raw_data) >= _SMALLEST_OUTSIDE:
            external_data_helper.set_external_data(weight, data_name(path.name))
    external_data_helper.write_external_data_tensors(graph, str(path.parent))


def _read(path: Path) -> Any:
    import onnx

    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's errors depend on which of its engines is installed
        raise InputError(
            "onnx.invalid",
            "this is no ONNX file",
            where=str(path),
            remedy="export the model again",
        ) from error


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor below a message, in subgraphs and attributes as well."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        yield message
        return
    for _, value in message.ListFields():
        for item in value if hasattr(value, "__len__") else (value,):
            if hasattr(item, "ListFields"):
                yield from _tensors(item)


def _places(tensor: Any) -> Iterator[str]:
    """Where a tensor's values lie outside the file; an empty text when it does not say."""
    from onnx import TensorProto

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        found = [item.value for item in tensor.external_data if item.key == "location"]
        yield from found or [""]
