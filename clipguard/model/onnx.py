"""ClipModel over a pair of ONNX files, run by onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipguard.core.errors import InputError, MachineError
from clipguard.model import compat
from clipguard.model.seam import ClipSpec

VISUAL, TEXTUAL = "visual.onnx", "textual.onnx"
IMAGE_INPUT, IMAGE_OUTPUT = "image", "image_embeds"
TEXT_INPUT, TEXT_OUTPUT = "text", "text_embeds"


class OnnxClip:
    """A pair written by :func:`clipguard.export.write_onnx_pair`.

    Embeddings carry no gradients.

    Args:
        folder: holds ``visual.onnx`` and ``textual.onnx``.

    Raises:
        InputError: a file is missing, is no ONNX model, or was not written by clipguard.
        MachineError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._visual = _session(folder / VISUAL)
        self._textual = _session(folder / TEXTUAL)
        self._spec = _spec(self._visual.get_modelmeta().custom_metadata_map, folder / VISUAL)
        self._mean = torch.tensor(self._spec.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(self._spec.std).view(1, 3, 1, 1)

    @property
    def spec(self) -> ClipSpec:
        """The model's facts, from the metadata of the image tower."""
        return self._spec

    @cached_property
    def _tokenizer(self) -> Any:
        return compat.open_clip().SimpleTokenizer(context_length=self.spec.context_length)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, D) unit-norm float32."""
        normalised = (pixels.detach().cpu() - self._mean) / self._std
        return _run(self._visual, IMAGE_OUTPUT, {IMAGE_INPUT: normalised.numpy()})

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, D) unit-norm float32."""
        tokens: Tensor = self._tokenizer(list(texts))
        return _run(self._textual, TEXT_OUTPUT, {TEXT_INPUT: tokens.numpy()})


def metadata(spec: ClipSpec) -> dict[str, str]:
    """A model's facts as ONNX metadata; :class:`OnnxClip` reads them back."""
    return {
        "clipguard.architecture": spec.architecture,
        "clipguard.config": json.dumps(spec.config, sort_keys=True),
        "clipguard.context_length": str(spec.context_length),
        "clipguard.embed_dim": str(spec.embed_dim),
        "clipguard.image_size": str(spec.image_size),
        "clipguard.logit_scale": repr(spec.logit_scale),
        "clipguard.mean": json.dumps(spec.mean),
        "clipguard.std": json.dumps(spec.std),
    }


def _spec(facts: Mapping[str, str], path: Path) -> ClipSpec:
    try:
        return ClipSpec(
            architecture=facts["clipguard.architecture"],
            image_size=int(facts["clipguard.image_size"]),
            embed_dim=int(facts["clipguard.embed_dim"]),
            context_length=int(facts["clipguard.context_length"]),
            logit_scale=float(facts["clipguard.logit_scale"]),
            mean=_channels(facts["clipguard.mean"]),
            std=_channels(facts["clipguard.std"]),
            config=json.loads(facts["clipguard.config"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            "onnx.metadata",
            "the file carries no usable clipguard metadata",
            where=str(path),
            remedy="give a pair written by clipguard",
        ) from error


def _channels(text: str) -> tuple[float, float, float]:
    red, green, blue = map(float, json.loads(text))
    return red, green, blue


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MachineError(
            "env.onnxruntime",
            f"onnxruntime cannot be imported: {error}",
            remedy="run: clipguard doctor",
        ) from error
    if not path.is_file():
        raise InputError(
            "onnx.missing", "no such file", where=str(path), remedy=f"give {VISUAL} and {TEXTUAL}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base class but this one
        raise InputError(
            "onnx.invalid",
            "onnxruntime cannot load the file",
            where=str(path),
            remedy="export the model again",
        ) from error


def _run(session: Any, output: str, inputs: Mapping[str, Any]) -> Tensor:
    (embeddings,) = session.run([output], dict(inputs))
    return torch.from_numpy(embeddings)
