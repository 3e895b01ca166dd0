"""Configurations beside the weights, and those given by the user: data, never instructions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipguard.checkpoint import findings
from clipguard.checkpoint.known import all_configs
from clipguard.checkpoint.source import Source
from clipguard.core.errors import InputError
from clipguard.core.results import Finding, Note
from clipguard.core.text import printable

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
OPEN_CLIP_CONFIG = "open_clip_config.json"
HF_CONFIG, HF_PREPROCESSOR = "config.json", "preprocessor_config.json"
LARGEST_JSON = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What a configuration says that shapes cannot.

    ``config`` is a whole open_clip configuration; the heads and ``norm_eps`` come from Hugging Face
    configurations. ``strict`` means that the user asked for it, so contradictions are errors.
    """

    source: str = ""
    config: Mapping[str, Any] | None = None
    vision_heads: int | None = None
    text_heads: int | None = None
    quick_gelu: bool | None = None
    norm_eps: tuple[float, float] | None = None
    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    name: str | None = None
    strict: bool = False
    sources: tuple[Source, ...] = ()
    notes: tuple[Note, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def requested(arch: str) -> Hints:
    """The configuration named by ``--arch``: an open_clip name or a JSON file.

    Raises:
        InputError: no such name, or no such configuration.
    """
    known = all_configs()
    if arch in known:
        return Hints(source="--arch", config=known[arch], name=arch, strict=True)
    if not arch.endswith(".json"):
        close = _closest(arch, known)
        raise InputError(
            "arch.name",
            f"open_clip has no architecture {printable(arch)}",
            where="--arch",
            remedy=f"closest: {', '.join(close)}; or give a FILE.json",
        )
    table = parse_json(Source(Path(arch)))
    config = table.get("model_cfg", table)
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(config):
        raise InputError(
            "arch.config",
            "no open_clip model configuration",
            where=printable(arch),
            remedy="it needs embed_dim, vision_cfg and text_cfg",
        )
    mean, std = _normalisation(table.get("preprocess_cfg"), "mean", "std")
    return Hints(source="--arch", config=config, mean=mean, std=std, strict=True)


def beside(folder: Path, *, hugging_face: bool) -> Hints:
    """The configuration in the folder of the weights, if any.

    Args:
        folder: where the weights lie.
        hugging_face: whether the weights carry Hugging Face names.

    Raises:
        InputError: it is there, but cannot be read.
    """
    if not hugging_face and (folder / OPEN_CLIP_CONFIG).is_file():
        source = Source(folder / OPEN_CLIP_CONFIG)
        table = parse_json(source)
        config = table.get("model_cfg")
        mean, std = _normalisation(table.get("preprocess_cfg"), "mean", "std")
        return Hints(
            source=OPEN_CLIP_CONFIG,
            config=config if isinstance(config, dict) else None,
            mean=mean,
            std=std,
            sources=(source,),
        )
    if hugging_face and (folder / HF_CONFIG).is_file():
        return _hugging_face(folder)
    return Hints()


def parse_json(source: Source) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises:
        InputError: too large, or no JSON object.
    """
    try:
        table = json.loads(source.data[:]) if source.size <= LARGEST_JSON else None
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise InputError(
            "config.json", "no JSON object", where=source.where, remedy="correct or remove the file"
        )
    return table


def _hugging_face(folder: Path) -> Hints:
    names = (name for name in (HF_CONFIG, HF_PREPROCESSOR) if (folder / name).is_file())
    sources = tuple(Source(folder / name) for name in names)
    table, *more = map(parse_json, sources)
    vision, text = _part(table, "vision_config"), _part(table, "text_config")
    acts = {vision.get("hidden_act", "quick_gelu"), text.get("hidden_act", "quick_gelu")}
    if not acts <= {"quick_gelu", "gelu"} or len(acts) > 1:
        raise InputError(
            "arch.unknown",
            f"activation {printable(str(sorted(map(str, acts))))} is none of CLIP's",
            where=printable(str(folder / HF_CONFIG)),
            remedy="only hidden_act quick_gelu or gelu, the same in both towers, can be scanned",
        )
    mean, std = _normalisation(more[0] if more else None, "image_mean", "image_std")
    remote = (findings.remote_code(HF_CONFIG),) if "auto_map" in table else ()
    return Hints(
        source=HF_CONFIG,
        vision_heads=_number(vision, 12),
        text_heads=_number(text, 8),
        quick_gelu=acts == {"quick_gelu"},
        norm_eps=(_eps(vision), _eps(text)),
        mean=mean,
        std=std,
        sources=sources,
        findings=remote,
    )


def _part(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Old files keep the whole of it under ``KEY_dict``."""
    found = table.get(key) or table.get(f"{key}_dict") or {}
    return found if isinstance(found, dict) else {}


def _number(tower: Mapping[str, Any], usual: int) -> int | None:
    heads = tower.get("num_attention_heads", usual)
    return heads if isinstance(heads, int) and heads > 0 else None


def _eps(tower: Mapping[str, Any]) -> float:
    value = tower.get("layer_norm_eps", 1e-5)
    return float(value) if isinstance(value, (int, float)) else 1e-5


def _normalisation(
    table: object, mean_key: str, std_key: str
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if not isinstance(table, dict):
        return OPENAI_MEAN, OPENAI_STD
    mean, std = _triple(table.get(mean_key)), _triple(table.get(std_key))
    return mean or OPENAI_MEAN, std if std and all(std) else OPENAI_STD


def _triple(value: object) -> tuple[float, float, float] | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    if not all(isinstance(part, (int, float)) for part in value):
        return None
    return float(value[0]), float(value[1]), float(value[2])


def _closest(name: str, known: Mapping[str, object]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, n=3, cutoff=0.3) or ["ViT-B-32", "RN50"]
