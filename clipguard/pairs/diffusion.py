"""Pairs whose pictures a diffusion model makes from the captions of drawn scenes.

Nothing is downloaded: the model is a folder in the layout of diffusers. Its weights are read from
safetensors alone, and no class from other libraries than ``rules/pairs/diffusion.toml`` lists is
used.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from clipguard.config import toml
from clipguard.core import atomic, resources
from clipguard.core.errors import ConfigError, InputError, MachineError
from clipguard.core.progress import SILENT, Progress
from clipguard.core.seeds import Seeds
from clipguard.model.compat import repair_torchvision
from clipguard.pairs.batch import to_batch
from clipguard.pairs.decode import read_picture
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.types import PairBatch

CACHE = "CLIPGUARD_CACHE"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``rules/pairs/diffusion.toml`` says."""

    classes: tuple[str, ...]
    libraries: tuple[str, ...]
    steps: int
    guidance: float
    batch: int


class GeneratedPairs:
    """Captions of drawn scenes with the pictures made from them, one file for each in ``folder``.

    Args:
        scenes: where the captions come from.
        folder: holds a picture for each index.
        digest: of everything that the pictures depend on but the scenes.
    """

    synthetic = True

    def __init__(self, scenes: SyntheticPairs, folder: Path, digest: str) -> None:
        self._scenes, self._folder, self._digest = scenes, folder, digest

    @property
    def id(self) -> str:
        """``diffusion:COUNT:SEED:DIGEST``."""
        return f"diffusion:{len(self)}:{self._scenes.seed}:{self._digest[:8]}"

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._scenes)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``.

        Raises:
            InputError: a picture was damaged or removed since.
            IndexError: outside 0..len-1.
        """
        texts = [self._scenes.scene(index).caption for index in indices]
        keys = [f"{self._scenes.seed}-{index:07d}" for index in indices]
        pictures = [read_picture(_file(self._folder, index), image_size) for index in indices]
        return to_batch(pictures, texts, keys, image_size)


class Generator:
    """A diffusion model with a cache on disk.

    The cache is one folder for each model, seed and settings, named by their digest, below
    ``$CLIPGUARD_CACHE`` or the user's cache folder. Each picture is written whole or not at all, so
    that an interrupted run goes on where it ended and a larger one adds to a smaller.

    Args:
        model: folder with ``model_index.json``.
        device: torch device.
        progress: where to report.

    Raises:
        InputError: no such folder, or no model of a known class.
        MachineError: diffusers is not installed.
    """

    def __init__(self, model: Path, device: str = "cpu", progress: Progress = SILENT) -> None:
        self._settings = settings()
        self._class = _pipeline_class(model, self._settings)
        _require_diffusers()
        self._model, self._device, self._progress = model, device, progress

    def pairs(self, seed: int, count: int) -> GeneratedPairs:
        """``count`` pairs; those of one seed are the same however many are asked for.

        Raises:
            InputError: the model's weights are missing, or no safetensors.
            MachineError: the cache cannot be written.
        """
        folder = _cache() / "diffusion" / self._digest / str(seed)
        scenes = SyntheticPairs(seed, _whole(count, self._settings.batch))
        with atomic.explained(folder), self._progress.stage("generating pictures", count) as stage:
            folder.mkdir(parents=True, exist_ok=True)
            for start in range(0, count, self._settings.batch):
                block = range(start, start + self._settings.batch)
                if not all(_file(folder, index).is_file() for index in block):
                    self._make(scenes, block, folder)
                stage.advance(min(len(block), count - start))
        return GeneratedPairs(SyntheticPairs(seed, count), folder, self._digest)

    def _make(self, scenes: SyntheticPairs, block: range, folder: Path) -> None:
        seeds = Seeds(scenes.seed).child("diffusion")
        made = self._pipeline(
            [scenes.scene(index).caption for index in block],
            num_inference_steps=self._settings.steps,
            guidance_scale=self._settings.guidance,
            generator=[seeds.child(index).torch() for index in block],
        )
        for index, picture in zip(block, made.images, strict=True):
            atomic.write_bytes(_file(folder, index), _png(picture))

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256(f"{self._settings} diffusers {version('diffusers')}\n".encode())
        total.update(resources.digest(resources.rules("scenes")).encode())
        for file in sorted(file for file in self._model.rglob("*") if file.is_file()):
            total.update(
                f"{file.relative_to(self._model).as_posix()}\0{file.stat().st_size}\0".encode()
            )
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    total.update(chunk)
        return total.hexdigest()[:32]

    @cached_property
    def _pipeline(self) -> Any:
        import diffusers

        options = {"safety_checker": None} if self._class == "StableDiffusionPipeline" else {}
        self._progress.say(f"loading {self._model}")
        try:
            pipeline = getattr(diffusers, self._class).from_pretrained(
                str(self._model), local_files_only=True, use_safetensors=True, **options
            )
        except (OSError, ValueError) as error:
            raise _no_model(self._model, " ".join(str(error).split())[:120]) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self._device)


def settings() -> Settings:
    """The settings in force.

    Raises:
        ConfigError: the file is damaged.
    """
    source = resources.rules("pairs", "diffusion.toml")
    try:
        return msgspec.convert(toml.load(source), Settings)
    except msgspec.ValidationError as error:
        raise ConfigError("rules.pairs", str(error), where=str(source)) from error


def _pipeline_class(model: Path, allowed: Settings) -> str:
    try:
        index = json.loads((model / "model_index.json").read_text(encoding="utf-8"))
        name = index["_class_name"]
        parts = {part: value[0] for part, value in index.items() if isinstance(value, list)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _no_model(model, "no model_index.json of diffusers in this folder") from error
    if name not in allowed.classes:
        raise _no_model(model, f"not of the class {' or '.join(allowed.classes)}")
    for part, library in parts.items():
        if library not in (*allowed.libraries, None):
            raise _no_model(model, f"{part} comes from another library than diffusers")
    return str(name)


def _no_model(model: Path, what: str) -> InputError:
    return InputError(
        "data.diffusion_model",
        what,
        where=str(model),
        remedy="give the local folder of a Stable Diffusion pipeline in safetensors; nothing is "
        "downloaded",
    )


def _require_diffusers() -> None:
    repair_torchvision()  # which transformers imports
    try:
        import diffusers  # noqa: F401
    except ImportError as error:
        raise MachineError(
            "env.diffusers",
            f"diffusers cannot be imported: {error}",
            where="--synthetic",
            remedy="run: pip install 'clipguard[diffusion]'",
        ) from error


def _file(folder: Path, index: int) -> Path:
    return folder / f"{index:07d}.png"


def _whole(count: int, batch: int) -> int:
    return -(-count // batch) * batch


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def _cache() -> Path:
    if given := os.environ.get(CACHE):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipguard"
