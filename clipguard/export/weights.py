"""The open_clip folder: weights as safetensors and the configuration that rebuilds the model.

``open_clip.create_model_and_transforms("local-dir:FOLDER")`` opens it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from clipguard.core import atomic
from clipguard.core.results import Export
from clipguard.export.files import artifact, staged, uncompared
from clipguard.model.seam import ClipSpec

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
# How every picture is brought to size, here and by open_clip.
RESIZING = {"interpolation": "bicubic", "resize_mode": "shortest"}


class Stored(Protocol):
    """A model that gives its tensors away; every ``TrainableClip`` does."""

    @property
    def spec(self) -> ClipSpec:
        """The model's facts."""

    def state(self) -> Mapping[str, Tensor]:
        """All tensors under open_clip names."""


def write_open_clip_folder(model: Stored, folder: Path) -> tuple[Export, ...]:
    """Write weights in float32 and configuration; equal models give equal bytes.

    Args:
        model: tensors under open_clip names, and the facts about the model.
        folder: where the two files go; made when it is missing.

    Raises:
        MachineError: the folder cannot be written.
    """
    with staged(folder) as staging:
        (staging / CONFIG).write_bytes(config_bytes(model.spec))
        _write_weights(model.state(), staging / WEIGHTS)
        # safetensors makes files that their owner alone can read.
        shutil.copymode(staging / CONFIG, staging / WEIGHTS)
        written = (artifact(staging / WEIGHTS), artifact(staging / CONFIG))
    weights, config = written
    return uncompared(weights, "open_clip.weights"), uncompared(config, "open_clip.config")


def write_marked(model: Stored, path: Path, mark: str) -> None:
    """Write weights that must not be mistaken for others: the header says what they are.

    Args:
        model: as for :func:`write_open_clip_folder`.
        path: the file to write; its folder is made when it is missing.
        mark: one sentence for the header.

    Raises:
        MachineError: the folder cannot be written.
    """
    with atomic.explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.file(path) as staged_file:
        _write_weights(model.state(), staged_file, f" {mark}")


def config_bytes(spec: ClipSpec) -> bytes:
    """``open_clip_config.json`` of a model."""
    preprocess = {"mean": list(spec.mean), "std": list(spec.std), **RESIZING}
    plain = {"model_cfg": dict(spec.config), "preprocess_cfg": preprocess}
    return (json.dumps(plain, indent=2, sort_keys=True) + "\n").encode()


def _write_weights(state: Mapping[str, Tensor], path: Path, mark: str = "") -> None:
    """Tensors that share memory are written once for each name, so that any reader finds both."""
    from safetensors.numpy import save_file

    arrays = {}
    for name, value in sorted(state.items()):
        whole = value.detach().cpu()
        whole = whole.float() if whole.is_floating_point() else whole
        arrays[name] = whole.contiguous().numpy()
    # One entry only: the header keeps metadata in an order that is not fixed.
    save_file(arrays, path, metadata={"clipguard": f"{version('clipguard')}{mark}"})
