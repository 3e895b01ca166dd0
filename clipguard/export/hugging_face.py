"""The Hugging Face folder: weights under the names of ``CLIPModel`` with the configuration beside.

``transformers.CLIPModel.from_pretrained(FOLDER)`` opens it. The names are those that the reader
knows, ``rules/layouts/hugging_face.toml``, the other way round.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipguard.checkpoint.layout import layout, stored_as
from clipguard.core.errors import InputError
from clipguard.core.results import Export
from clipguard.export.files import artifact, staged, uncompared
from clipguard.export.weights import Stored
from clipguard.model.openclip import END, START
from clipguard.model.seam import ClipSpec

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

LAYOUT = "Hugging Face CLIPModel"
WEIGHTS, CONFIG, PREPROCESSOR = "model.safetensors", "config.json", "preprocessor_config.json"
BICUBIC = 3  # Pillow's number for it
_KNOWN_VISION = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio"}
_KNOWN_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}


def write_hugging_face_folder(model: Stored, folder: Path) -> tuple[Export, ...]:
    """Write weights in float32 and both configurations; equal models give equal bytes.

    Args:
        model: tensors under open_clip names, and the facts about the model.
        folder: where the three files go; made when it is missing.

    Raises:
        InputError: ``CLIPModel`` has no place for this architecture.
        MachineError: the folder cannot be written.
    """
    from safetensors.numpy import save_file

    config = config_of(model.spec)
    arrays = renamed(model.state(), model.spec.architecture)
    with staged(folder) as staging:
        (staging / CONFIG).write_bytes(_json(config))
        (staging / PREPROCESSOR).write_bytes(_json(_preprocessor(model.spec)))
        # transformers wants to be told of the framework; more entries have no fixed order.
        save_file(arrays, staging / WEIGHTS, metadata={"format": "pt"})
        shutil.copymode(staging / CONFIG, staging / WEIGHTS)
        written = [artifact(staging / name) for name in (WEIGHTS, CONFIG, PREPROCESSOR)]
    kinds = ("hugging_face.weights", "hugging_face.config", "hugging_face.preprocessor")
    return tuple(map(uncompared, written, kinds))


def require_room(spec: ClipSpec) -> None:
    """Find out before the work that this architecture cannot be written so.

    Raises:
        InputError: ``CLIPModel`` has no place for it.
    """
    config_of(spec)


def config_of(spec: ClipSpec) -> dict[str, Any]:
    """``config.json`` of a model.

    Raises:
        InputError: the configuration has parts that ``CLIPModel`` lacks.
    """
    vision, text = _part(spec, "vision_cfg"), _part(spec, "text_cfg")
    if isinstance(vision.get("layers"), list):
        raise _no_place(spec.architecture, "a ResNet image tower")
    for table, known in ((vision, _KNOWN_VISION), (text, _KNOWN_TEXT)):
        for key in sorted(table.keys() - known - {"norm_kwargs"}):
            raise _no_place(spec.architecture, f"the setting {key}")
    shared = {
        "hidden_act": "quick_gelu" if spec.config.get("quick_gelu") else "gelu",
        "projection_dim": spec.embed_dim,
    }
    width, words = int(vision["width"]), int(text["width"])
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": spec.embed_dim,
        "torch_dtype": "float32",
        "clipguard_version": version("clipguard"),
        "vision_config": {
            **shared,
            "model_type": "clip_vision_model",
            "hidden_size": width,
            "intermediate_size": int(width * vision.get("mlp_ratio", 4.0)),
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": width // int(vision.get("head_width", 64)),
            "image_size": spec.image_size,
            "patch_size": vision["patch_size"],
            "layer_norm_eps": _eps(vision),
        },
        "text_config": {
            **shared,
            "model_type": "clip_text_model",
            "hidden_size": words,
            "intermediate_size": int(words * text.get("mlp_ratio", 4.0)),
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "max_position_embeddings": spec.context_length,
            "vocab_size": text["vocab_size"],
            "layer_norm_eps": _eps(text),
            "bos_token_id": START,
            "eos_token_id": END,
            "pad_token_id": END,
        },
    }


def renamed(state: Mapping[str, Tensor], architecture: str) -> dict[str, np.ndarray]:
    """All tensors in float32 under Hugging Face's names.

    Raises:
        InputError: there is no name for one of them.
    """
    names, arrays = layout(LAYOUT), {}
    for name, value in sorted(state.items()):
        found = stored_as(names, name)
        if found is None:
            raise _no_place(architecture, f"the tensor {name}")
        parts, transposed = found
        pieces = value.float().chunk(len(parts)) if len(parts) > 1 else (value.float(),)
        for part, piece in zip(parts, pieces, strict=True):
            arrays[part] = (piece.T if transposed else piece).contiguous().numpy()
    return arrays


def _preprocessor(spec: ClipSpec) -> dict[str, Any]:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": spec.image_size},
        "resample": BICUBIC,
        "do_center_crop": True,
        "crop_size": {"height": spec.image_size, "width": spec.image_size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(spec.mean),
        "image_std": list(spec.std),
        "do_convert_rgb": True,
    }


def _part(spec: ClipSpec, key: str) -> dict[str, Any]:
    found = spec.config[key]
    return dict(found) if isinstance(found, Mapping) else {}


def _eps(table: Mapping[str, Any]) -> float:
    return float((table.get("norm_kwargs") or {}).get("eps", 1e-5))


def _no_place(architecture: str, what: str) -> InputError:
    return InputError(
        "export.layout",
        f"Hugging Face's CLIPModel has no place for {what}",
        where=architecture,
        remedy="use --layout open_clip or immich",
    )


def _json(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, indent=2, sort_keys=True) + "\n").encode()
