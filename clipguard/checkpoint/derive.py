"""An architecture from nothing but tensor shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isqrt
from typing import Any

from clipguard.checkpoint.expected import expected_shapes
from clipguard.checkpoint.types import TensorInfo
from clipguard.core.errors import InputError
from clipguard.core.text import printable

Infos = Mapping[str, TensorInfo]
HEAD_WIDTH = 64
_HEAD_WIDTHS = (64, 32, 80, 96, 48, 128, 88, 104, 112, 16)
_MOST_CHOICES = 3
IGNORED = re.compile(r"visual\..*\.num_batches_tracked")


class NotDerivableError(Exception):
    """The shapes do not belong to a CLIP model; the message says why."""


def derive(infos: Infos) -> dict[str, Any]:
    """The open_clip configuration that the shapes imply; head counts by convention.

    Raises:
        NotDerivableError: a tensor is missing, or shapes contradict each other.
    """
    width = _shape(infos, "ln_final.weight", 1)[0]
    projection = _shape(infos, "text_projection", 2)
    text: dict[str, Any] = {
        "context_length": _shape(infos, "positional_embedding", 2)[0],
        "vocab_size": _shape(infos, "token_embedding.weight", 2)[0],
        "width": width,
        "heads": max(1, width // head_widths(width)[0]),
        "layers": _count(infos, r"transformer\.resblocks\.(\d+)\."),
        **_block(infos, "", width),
    }
    resnet = "visual.layer1.0.conv1.weight" in infos
    vision = _resnet(infos) if resnet else _vit(infos)
    return {"embed_dim": projection[1], "vision_cfg": vision, "text_cfg": text}


def explain(infos: Infos, config: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """How tensors fit a configuration: names missing, of another shape, and unexplained."""
    wanted = expected_shapes(config)
    missing = [name for name in wanted if name not in infos]
    wrong = [n for n, shape in wanted.items() if n in infos and infos[n].shape != shape]
    unexplained = [n for n in infos if n not in wanted and not IGNORED.fullmatch(n)]
    return missing, wrong, unexplained


def head_widths(width: int) -> tuple[int, ...]:
    """Plausible widths of one attention head, by preference: open_clip's 64 wherever it divides."""
    if width <= HEAD_WIDTH:
        return (width,)
    fitting = tuple(size for size in _HEAD_WIDTHS if width % size == 0)
    return fitting[:1] if fitting[:1] == (HEAD_WIDTH,) else (fitting or (width,))[:_MOST_CHOICES]


def describe(config: Mapping[str, Any]) -> str:
    """An architecture in a few words, such as ``ViT 128x4 patch 16 @64``."""
    vision = config["vision_cfg"]
    if isinstance(vision["layers"], (list, tuple)):
        stages = "-".join(map(str, vision["layers"]))
        return f"ResNet {vision['width']}x{stages} @{vision['image_size']}"
    size = f"{vision['width']}x{vision['layers']}"
    return f"ViT {size} patch {vision['patch_size']} @{vision['image_size']}"


def _vit(infos: Infos) -> dict[str, Any]:
    width, _, patch, _ = _shape(infos, "visual.conv1.weight", 4)
    side = _side(infos, "visual.positional_embedding")
    layers = _count(infos, r"visual\.transformer\.resblocks\.(\d+)\.")
    return {
        "image_size": side * patch,
        "layers": layers,
        "width": width,
        "head_width": head_widths(width)[0],
        "patch_size": patch,
        **_block(infos, "visual.", width),
    }


def _resnet(infos: Infos) -> dict[str, Any]:
    return {
        "image_size": _side(infos, "visual.attnpool.positional_embedding") * 32,
        "layers": [_count(infos, rf"visual\.layer{stage}\.(\d+)\.") for stage in range(1, 5)],
        "width": _shape(infos, "visual.layer1.0.conv1.weight", 4)[0],
    }


def _block(infos: Infos, prefix: str, width: int) -> dict[str, float]:
    """The ratio of the hidden layer, left out where it is CLIP's 4, and layer scale.

    Half an element is added so that open_clip's truncation gives the stored size back.
    """
    block = f"{prefix}transformer.resblocks.0"
    inner = _shape(infos, f"{block}.mlp.c_fc.weight", 2)[0]
    ratio = {} if inner == 4 * width else {"mlp_ratio": (inner + 0.5) / width}
    # Only the presence of layer scale matters: its initial value is long overwritten.
    scale = {"ls_init_value": 1e-4} if f"{block}.ls_1.gamma" in infos else {}
    return ratio | scale


def _shape(infos: Infos, name: str, axes: int) -> tuple[int, ...]:
    if name not in infos:
        raise NotDerivableError(f"{name} is missing")
    shape = infos[name].shape
    if len(shape) != axes or not all(shape):
        raise NotDerivableError(f"{name} has shape {shape}")
    return shape


def _side(infos: Infos, name: str) -> int:
    positions = _shape(infos, name, 2)[0] - 1
    side = isqrt(positions)
    if side * side != positions or not side:
        raise NotDerivableError(
            f"{name} has {positions + 1} positions, which is no square plus one"
        )
    return side


def _count(infos: Iterable[str], pattern: str) -> int:
    numbers = {int(match[1]) for match in map(re.compile(pattern).match, infos) if match}
    if numbers != set(range(len(numbers))) or not numbers:
        raise NotDerivableError(f"no complete row of layers {printable(pattern)}")
    return len(numbers)


def shape_error(infos: Infos, name: str, config: Mapping[str, Any], label: str) -> InputError:
    """One tensor contradicts a configuration that was asked for."""
    wanted = expected_shapes(config)[name]
    found = infos[name].shape if name in infos else "missing"
    return InputError(
        "arch.shape",
        f"{printable(name)} is {found}, {label} wants {wanted}",
        remedy="give the right architecture with --arch NAME or --arch FILE.json",
    )
