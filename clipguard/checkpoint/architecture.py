"""Which CLIP a set of tensors is, and every way to complete what their shapes leave open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from clipguard.checkpoint.derive import (
    Infos,
    NotDerivableError,
    derive,
    describe,
    explain,
    head_widths,
    shape_error,
)
from clipguard.checkpoint.expected import expected_shapes, is_plain
from clipguard.checkpoint.known import plain_configs
from clipguard.checkpoint.sidecar import Hints
from clipguard.checkpoint.strangers import unknown
from clipguard.checkpoint.types import Candidate
from clipguard.core.errors import InputError
from clipguard.core.results import Note
from clipguard.core.text import printable

_IMAGE, _TEXT = "visual.", ("transformer.", "token_embedding.", "positional_embedding", "ln_final.")
CONVENTION = "open_clip's convention"


@dataclass(frozen=True)
class Recognised:
    """The candidates in order of preference, and what they rest on."""

    candidates: tuple[Candidate, ...]
    evidence: tuple[str, ...]
    notes: tuple[Note, ...]


def recognise(infos: Infos, hints: Hints, where: str) -> Recognised:
    """Find the architecture.

    Args:
        infos: tensors under open_clip's names.
        hints: what a configuration says.
        where: the file's name in messages.

    Raises:
        InputError: no CLIP model, half of one, or one that contradicts ``--arch``.
    """
    _require_towers(infos, where)
    if hints.config is not None:
        found = _configured(infos, hints)
        if found is not None:
            return found
    try:
        base = derive(infos)
    except NotDerivableError as error:
        raise unknown(infos, where, str(error)) from None
    missing, wrong, unexplained = explain(infos, base)
    if missing or wrong or unexplained:
        raise unknown(infos, where, _difference(infos, missing, wrong, unexplained))
    return _by_shapes(infos, base, hints)


def _require_towers(infos: Infos, where: str) -> None:
    image = any(name.startswith(_IMAGE) for name in infos)
    text = any(name.startswith(_TEXT) for name in infos)
    if image and text:
        return
    if not image and not text:
        raise unknown(infos, where, "no tensor of an image or text tower")
    raise InputError(
        "arch.missing_tower",
        f"the {'text' if image else 'image'} tower is missing",
        where=where,
        remedy="give a checkpoint with both towers of the CLIP model",
    )


def _difference(infos: Infos, missing: list[str], wrong: list[str], unexplained: list[str]) -> str:
    if missing:
        return f"{len(missing)} tensors missing, first {printable(missing[0])}"
    if wrong:
        return f"{printable(wrong[0])} has the odd shape {infos[wrong[0]].shape}"
    return f"{len(unexplained)} tensors unexplained, first {printable(unexplained[0])}"


def _configured(infos: Infos, hints: Hints) -> Recognised | None:
    """One candidate from a whole configuration; None when the weights contradict it."""
    config = dict(hints.config or {})
    label = hints.name or _name(config)
    try:
        missing, wrong, unexplained = explain(infos, config) if is_plain(config) else ([], [], [])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
        raise InputError(
            "arch.config",
            "the model configuration holds impossible values",
            where=hints.source,
            remedy="correct the configuration",
        ) from None
    if missing or wrong:
        if hints.strict:
            raise shape_error(infos, (wrong or missing)[0], config, label)
        return None
    if unexplained:
        if hints.strict:
            raise unknown(infos, "--arch", _difference(infos, [], [], unexplained))
        return None
    candidate = Candidate(
        name=label, config=config, mean=hints.mean, std=hints.std, source=hints.source
    )
    return Recognised((candidate,), (f"{label} by {hints.source}",), hints.notes)


def _by_shapes(infos: Infos, base: dict[str, Any], hints: Hints) -> Recognised:
    """Every completion of what the shapes say."""
    notes = list(hints.notes)
    if hints.config is not None:
        text = f"{hints.source} contradicts the weights; the weights count"
        notes.append(Note(code="config.contradiction", text=text))
    hints = _possible_heads(base, hints, notes)
    decided = hints.vision_heads is not None and hints.text_heads is not None
    known = {} if decided else _known(infos)
    configs = list(known.values()) or list(_derived(base, hints))
    evidence = f"shapes fit {', '.join(known)}" if known else f"shapes give a {describe(base)}"
    activations = (False, True) if hints.quick_gelu is None else (hints.quick_gelu,)
    candidates = [
        _candidate({**config, "quick_gelu": quick}, hints)
        for quick in activations
        for config in configs
    ]
    if len(activations) > 1:
        text = "shapes do not tell GELU from QuickGELU"
        notes.append(Note(code="arch.activation_assumed", text=text))
    return Recognised(tuple(candidates), (evidence,), tuple(notes))


def _possible_heads(base: Mapping[str, Any], hints: Hints, notes: list[Note]) -> Hints:
    """Head counts that do not divide the widths count for nothing."""
    widths = ("vision", hints.vision_heads), ("text", hints.text_heads)
    bad = [f"{n} {t} heads" for t, n in widths if n and base[f"{t}_cfg"]["width"] % n]
    if not bad:
        return hints
    text = f"{hints.source} asks for {' and '.join(bad)}, which do not divide the width"
    notes.append(Note(code="config.contradiction", text=text))
    return replace(hints, vision_heads=None, text_heads=None)


def _known(infos: Infos) -> dict[str, dict[str, Any]]:
    """open_clip's configurations that fit, whatever their activation."""
    return {
        name: config
        for name, config in plain_configs().items()
        if not config.get("quick_gelu") and not any(explain(infos, config))
    }


def _candidate(config: Mapping[str, Any], hints: Hints) -> Candidate:
    return Candidate(
        name=_name(config),
        config=config,
        mean=hints.mean,
        std=hints.std,
        source=hints.source or CONVENTION,
    )


def _derived(base: dict[str, Any], hints: Hints) -> Iterable[dict[str, Any]]:
    vision, text = base["vision_cfg"], base["text_cfg"]
    # A modified ResNet attends once, over 32 times its width, with heads as wide as a ViT's.
    resnet = isinstance(vision["layers"], list)
    image = (64,) if resnet else head_widths(vision["width"])
    if hints.vision_heads and not resnet:
        image = (max(1, vision["width"] // hints.vision_heads),)
    heads = tuple(text["width"] // size for size in head_widths(text["width"]))
    if hints.text_heads:
        heads = (hints.text_heads,)
    for head_width, count in product(image, heads):
        yield {
            **base,
            "vision_cfg": {**vision, "head_width": head_width, **_norm(hints, 0)},
            "text_cfg": {**text, "heads": count, **_norm(hints, 1)},
        }


def _name(config: Mapping[str, Any]) -> str:
    """What an architecture is called: the same whether shapes or a configuration tell of it."""
    if known := _known_name(config):
        return known
    plain = {**config, "quick_gelu": False}
    try:
        name = _known_name(plain) or describe(plain) + _heads(plain)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
        return "the configuration"
    return f"{name}{'-quickgelu' if config.get('quick_gelu') else ''}"


def _heads(config: Mapping[str, Any]) -> str:
    """The numbers of heads, where they are not the first that the widths suggest."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    towers = (text,) if isinstance(vision["layers"], (list, tuple)) else (vision, text)
    usual = [tower["width"] // head_widths(tower["width"])[0] for tower in towers]
    found = [
        tower["heads"] if "heads" in tower else tower["width"] // tower.get("head_width", 64)
        for tower in towers
    ]
    return "" if found == usual else f" heads {'/'.join(map(str, found))}"


def _norm(hints: Hints, tower: int) -> dict[str, Any]:
    if hints.norm_eps is None or hints.norm_eps[tower] == 1e-5:
        return {}
    return {"norm_kwargs": {"eps": hints.norm_eps[tower]}}


def _known_name(config: Mapping[str, Any]) -> str | None:
    """open_clip's name for a configuration, if it has one."""
    wanted = _canonical(config)
    return next((n for n, known in plain_configs().items() if _canonical(known) == wanted), None)


def _canonical(config: Mapping[str, Any]) -> object:
    """What distinguishes two configurations, defaults filled in."""
    try:
        vision, text = config["vision_cfg"], config["text_cfg"]
        layers = vision.get("layers", 12)
        rest = {k: v for k, v in vision.items() if k in ("norm_kwargs", "act_kwargs", "pool_type")}
        return (
            expected_shapes(config), vision.get("head_width", 64), text.get("heads", 8),
            vision.get("image_size", 224), bool(config.get("quick_gelu")), str(layers), rest,
            text.get("norm_kwargs"), text.get("pool_type", "argmax"),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
        return None
