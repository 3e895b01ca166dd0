"""The ONNX pair: one file per tower, checked against the model before it appears.

``visual.onnx``: ``image`` float32 (batch, 3, S, S), normalised with mean and std, to
``image_embeds``; ``textual.onnx``: ``text`` int64 (batch, context_length) to ``text_embeds``. Both
outputs are unit-norm float32. Smaller forms of the pair are called ``visual.int8.onnx`` and so on;
other conventions have other names (``model.pair``). What a consumer must know stands in the
metadata as ``clipguard.*``.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from clipguard.core.results import Export
from clipguard.export.files import artifact, staged, uncompared
from clipguard.export.limits import rules
from clipguard.export.parity import Parity, check_pair
from clipguard.export.weights import RESIZING
from clipguard.model.onnx import metadata
from clipguard.model.onnx_file import store
from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import OWN, Convention, Form, data_name, file_names
from clipguard.model.smaller import halve, quantise
from clipguard.model.towers import ImageTower, TextTower

OPSET = 17


def write_onnx_pair(
    model: OpenClipModel,
    folder: Path,
    *,
    source_sha256: str = "",
    forms: Sequence[Form] = ("fp32",),
    convention: Convention = OWN,
) -> tuple[Export, ...]:
    """Write both towers in every form; equal models give equal bytes.

    Args:
        model: what to export.
        folder: where the files go; made when it is missing.
        source_sha256: digest of the weights that the pair was made from, for its metadata.
        forms: which pairs are written.
        convention: what their consumers look for.

    Raises:
        MachineError: the folder cannot be written.
        RefusedError: onnxruntime and torch disagree; nothing is written then.
    """
    spec = model.spec
    facts = {
        **metadata(spec),
        "clipguard.interpolation": RESIZING["interpolation"],
        "clipguard.normalized": str(convention.normalized).lower(),
        "clipguard.source_sha256": source_sha256,
        "clipguard.tool_version": version("clipguard"),
    }
    pixels = torch.zeros(2, 3, spec.image_size, spec.image_size, device=model.device)
    tokens = model.tokenize(["a picture", "two of them"]).to(model.device)
    towers: tuple[tuple[nn.Module, Tensor], ...] = (
        (ImageTower(model, convention), pixels),
        (TextTower(model, convention), tokens.to(getattr(torch, convention.tokens))),
    )
    with staged(folder) as staging:
        for index, (tower, example) in enumerate(towers):
            files = {form: staging / file_names(form, convention)[index] for form in forms}
            # A tower above 2 GB is traced to many files.
            with tempfile.TemporaryDirectory(dir=staging) as scratch:
                traced = Path(scratch, "traced.onnx")
                _trace(tower, example, _axes(convention, index), traced)
                for form, path in files.items():
                    path.parent.mkdir(exist_ok=True)
                    store(_formed(form, traced), path, {**facts, "clipguard.precision": form})
        return tuple(
            item
            for form in forms
            for item in _exports(
                staging,
                form,
                file_names(form, convention),
                check_pair(model, staging, form, convention),
            )
        )


def _axes(convention: Convention, tower: int) -> dict[str, dict[int, str]]:
    """Input and output of a tower, in this order, with the names of the axes that are free."""
    free = {0: "batch"}
    several = free | {1: "sequence"} if tower and convention.any_length else free
    return {convention.inputs[tower]: several, convention.outputs[tower]: free}


def _formed(form: Form, traced: Path) -> Any:
    import onnx

    if form == "int8":
        small = traced.with_name("int8.onnx")
        quantise(traced, small, **msgspec.to_builtins(rules().int8))
        return onnx.load(small)
    graph = onnx.load(traced)
    if form == "fp16":
        halve(graph)
    return graph


def _trace(tower: nn.Module, example: Tensor, axes: dict[str, dict[int, str]], path: Path) -> None:
    """The tracing exporter: it writes no source paths and loads in every onnxruntime."""
    with warnings.catch_warnings(), torch.no_grad(), _plain_attention():
        # It warns of its successor and of every shape that tracing turns into a constant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower.eval(),
            (example,),
            str(path),
            input_names=list(axes)[:1],
            output_names=list(axes)[1:],
            dynamic_axes=axes,
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


def _exports(
    folder: Path, form: Form, names: tuple[str, str], parities: tuple[Parity, Parity]
) -> Iterator[Export]:
    """The files of one form, those of external weights included."""
    suffix = "" if form == "fp32" else f".{form}"
    for name, tower, parity in zip(names, ("image", "text"), parities, strict=True):
        yield Export(
            artifact=artifact(folder / name, name),
            kind=f"onnx.{tower}{suffix}",
            min_cosine=parity.min_cosine,
            max_abs_difference=parity.max_abs_difference,
            compared=parity.compared,
        )
        beside = data_name(name)
        if (folder / beside).exists():
            yield uncompared(artifact(folder / beside, beside), f"onnx.{tower}{suffix}.data")
