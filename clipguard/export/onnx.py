"""The ONNX pair: one file per tower, checked against the model before it appears.

``visual.onnx``: ``image`` float32 (batch, 3, S, S), normalised with mean and std, to
``image_embeds``; ``textual.onnx``: ``text`` int64 (batch, context_length) to ``text_embeds``. Both
outputs are unit-norm. What a consumer must know stands in the metadata as ``clipguard.*``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from clipguard.core.errors import InputError
from clipguard.core.results import Export
from clipguard.export.files import artifact, staged
from clipguard.export.parity import Parity, check_pair
from clipguard.export.weights import RESIZING
from clipguard.model.onnx import (
    IMAGE_INPUT,
    IMAGE_OUTPUT,
    TEXT_INPUT,
    TEXT_OUTPUT,
    TEXTUAL,
    VISUAL,
    metadata,
)
from clipguard.model.openclip import OpenClipModel
from clipguard.model.towers import ImageTower, TextTower

OPSET = 17
LARGEST = 2**31 - 2**20  # bytes; one protobuf message ends at 2 GiB


def write_onnx_pair(
    model: OpenClipModel, folder: Path, *, source_sha256: str = ""
) -> tuple[Export, ...]:
    """Write both towers in float32; equal models give equal bytes.

    Args:
        model: what to export.
        folder: where the two files go; made when it is missing.
        source_sha256: digest of the weights that the pair was made from, for its metadata.

    Raises:
        InputError: a tower is larger than one file can hold.
        MachineError: the folder cannot be written, or onnxruntime disagrees with torch.
    """
    spec = model.spec
    facts = {
        **metadata(spec),
        "clipguard.interpolation": RESIZING["interpolation"],
        "clipguard.normalized": "true",
        "clipguard.source_sha256": source_sha256,
        "clipguard.tool_version": version("clipguard"),
    }
    pixels = torch.zeros(2, 3, spec.image_size, spec.image_size, device=model.device)
    tokens = model.tokenize(["a picture", "two of them"]).to(model.device)
    with staged(folder) as staging:
        visual, textual = staging / VISUAL, staging / TEXTUAL
        _write(ImageTower(model), pixels, (IMAGE_INPUT, IMAGE_OUTPUT), visual, facts)
        _write(TextTower(model), tokens, (TEXT_INPUT, TEXT_OUTPUT), textual, facts)
        image_parity, text_parity = check_pair(model, staging)
        return (
            _export(visual, "onnx.image", image_parity),
            _export(textual, "onnx.text", text_parity),
        )


def _write(
    tower: nn.Module, example: Tensor, names: tuple[str, str], path: Path, facts: Mapping[str, str]
) -> None:
    import onnx

    if sum(item.numel() * item.element_size() for item in tower.parameters()) > LARGEST:
        raise InputError(
            "export.onnx_size",
            "the tower is larger than the 2 GB of one ONNX file",
            where=path.name,
            remedy="use the safetensors file",
        )
    _trace(tower, example, names, path)
    graph = onnx.load(path)
    for item in (graph, graph.graph, *graph.graph.node):
        item.doc_string = ""
    for key, value in sorted(facts.items()):
        graph.metadata_props.add(key=key, value=value)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _trace(tower: nn.Module, example: Tensor, names: tuple[str, str], path: Path) -> None:
    """The tracing exporter: it writes no source paths and loads in every onnxruntime."""
    with warnings.catch_warnings(), torch.no_grad(), _plain_attention():
        # It warns of its successor and of every shape that tracing turns into a constant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower.eval(),
            (example,),
            str(path),
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Inside, attention is made of operators that ONNX knows, not fused into one that it lacks."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _export(path: Path, kind: str, parity: Parity) -> Export:
    return Export(
        artifact=artifact(path),
        kind=kind,
        min_cosine=parity.min_cosine,
        max_abs_difference=parity.max_abs_difference,
        compared=parity.compared,
    )
