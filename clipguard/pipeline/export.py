"""Export: the files that other programs load, with every ONNX pair compared with torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clipguard.checkpoint import open_checkpoint
from clipguard.core import atomic
from clipguard.core.errors import RefusedError
from clipguard.core.exits import Exit
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import CheckState, Export, Result
from clipguard.core.seeds import Seeds
from clipguard.export.companions import write_companions
from clipguard.export.hugging_face import require_room, write_hugging_face_folder
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.sums import write_sums
from clipguard.export.weights import write_open_clip_folder
from clipguard.model.batching import Meter
from clipguard.model.openclip import OpenClipModel, build_model
from clipguard.model.pair import CONVENTIONS, Form
from clipguard.pipeline import frame
from clipguard.pipeline.load import load
from clipguard.pipeline.requests import ExportRequest, Layout
from clipguard.probes.validity import finite

_HUGGING_FACE = ("hf", "transformers.js")  # layouts with the weights of CLIPModel


def export_model(request: ExportRequest, progress: Progress = SILENT) -> Result:
    """Write one checkpoint as weights and ONNX pairs to ``request.output``; nothing is probed.

    Raises:
        ClipguardError: the model could not be read, its weights are not finite, a pair disagrees
            with it, or nothing could be written; then nothing is.
    """
    atomic.require_vacant(request.output)
    model = _model(request, progress)
    _require_finite(model)
    require_layout(model, request.layout)
    with atomic.workspace(request.output) as work:
        written = export(model, work, request.layout, request.precision, progress)
        deliver(work, request.output)
    return frame.result("export", request, Exit.PASS, exports=written)


def export(
    model: OpenClipModel, work: Path, layout: Layout, forms: Sequence[Form], progress: Progress
) -> tuple[Export, ...]:
    """Write weights and ONNX pairs into ``work``; the pairs are compared with the torch model.

    Args:
        model: what to write.
        work: the folder that receives the files.
        layout: whose names the files carry.
        forms: of the ONNX pair; none: no pair.
        progress: where to report.

    Raises:
        RefusedError: a pair disagrees with the model.
    """
    written = write_weights(model, work, layout) + write_companions(model.spec, work, layout)
    if forms:
        progress.say("exporting the ONNX pair and comparing it with the torch model")
        digest = written[0].artifact.sha256
        written += write_onnx_pair(
            model, work, source_sha256=digest, forms=forms, convention=CONVENTIONS[layout]
        )
    return written


def deliver(work: Path, target: Path) -> None:
    """Add the digests of all files and give everything its final name, whole or not at all."""
    write_sums(work)
    with atomic.folder(target) as folder:
        for file in sorted(work.iterdir()):
            os.replace(file, folder / file.name)


def write_weights(model: OpenClipModel, work: Path, layout: Layout) -> tuple[Export, ...]:
    """Weights and configuration in a layout; the weights come first."""
    if layout in _HUGGING_FACE:
        return write_hugging_face_folder(model, work)
    return write_open_clip_folder(model, work)


def require_layout(model: OpenClipModel, layout: Layout) -> None:
    """Refuse a layout that has no place for the model before any work is done.

    Raises:
        InputError: its weights are Hugging Face's, and the model is no plain vision transformer.
    """
    if layout in _HUGGING_FACE:
        require_room(model.spec)


def _model(request: ExportRequest, progress: Progress) -> OpenClipModel:
    """The model as the file tells; pairs are asked only where shapes leave a choice."""
    checkpoint = open_checkpoint(request.model, arch=request.arch)
    if len(checkpoint.candidates) == 1:
        return build_model(checkpoint, device=request.device)
    loaded = load(
        request.model,
        request.arch,
        device=request.device,
        seeds=Seeds(request.seed).child("export"),
        meter=Meter(),
        progress=progress,
    )
    for note in loaded.subject.notes:
        progress.say(note.text)
    return loaded.model


def _require_finite(model: OpenClipModel) -> None:
    check = finite(model.state())
    if check.state is CheckState.FAILED:
        raise RefusedError(
            "export.not_finite",
            f"not exported: {check.reason}",
            where=model.spec.architecture,
            remedy="get another copy of the model",
        )
