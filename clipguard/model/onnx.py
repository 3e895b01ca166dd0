"""ClipModel over a pair of ONNX files, run by onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.core.errors import InputError, MachineError
from clipguard.model import compat
from clipguard.model.onnx_file import require_own_data
from clipguard.model.openclip import END, STANDARD_VOCABULARY, START
from clipguard.model.pair import OWN, Convention, Form, file_names
from clipguard.model.seam import ClipSpec

TOKENIZER = {
    "kind": "CLIP's byte pair encoding of lower-cased text",
    "vocabulary": STANDARD_VOCABULARY,
    "start": START,
    "end": END,
    "padding": 0,
}


class OnnxClip:
    """A pair written by :func:`clipguard.export.write_onnx_pair`.

    Embeddings carry no gradients.

    Args:
        folder: holds the two files.
        form: which of the pairs in it.
        convention: what the pair was written for.

    Raises:
        InputError: a file is missing, is no ONNX model, or was not written by clipguard.
        RefusedError: a file refers to others than its own.
        MachineError: onnxruntime is not installed.
    """

    def __init__(self, folder: Path, form: Form = "fp32", convention: Convention = OWN) -> None:
        visual, textual = (folder / name for name in file_names(form, convention))
        self._convention = convention
        self._visual, self._textual = _session(visual), _session(textual)
        self._spec = _spec(self._visual.get_modelmeta().custom_metadata_map, visual)
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
        return self._embed(self._visual, 0, normalised.numpy())

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, D) unit-norm float32."""
        tokens: Tensor = self._tokenizer(list(texts))
        return self._embed(self._textual, 1, tokens.numpy().astype(self._convention.tokens))

    def _embed(self, session: Any, tower: int, inputs: Any) -> Tensor:
        wanted = self._convention
        (found,) = session.run([wanted.outputs[tower]], {wanted.inputs[tower]: inputs})
        embeddings = torch.from_numpy(found)
        return embeddings if wanted.normalized else F.normalize(embeddings, dim=-1)


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
        "clipguard.tokenizer": json.dumps(TOKENIZER, sort_keys=True),
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
            "onnx.missing",
            "no such file",
            where=str(path),
            remedy="give the folder of the pair",
        )
    require_own_data(path)
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
