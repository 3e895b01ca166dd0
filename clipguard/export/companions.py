"""What some consumers of an ONNX pair want beside it: configurations and the tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clipguard.core.results import Export
from clipguard.export.files import artifact, staged, uncompared
from clipguard.export.weights import RESIZING
from clipguard.model.seam import ClipSpec
from clipguard.model.tokenizer import END, START, tokenizer_file

Tables = Mapping[str, Mapping[str, Any]]


def write_companions(spec: ClipSpec, folder: Path, layout: str) -> tuple[Export, ...]:
    """Write what a layout wants besides weights and pair, if anything.

    Args:
        spec: the facts about the model.
        folder: where the files go; made when it is missing.
        layout: whose names the files carry.

    Raises:
        MachineError: the folder cannot be written.
    """
    tables = _TABLES[layout](spec) if layout in _TABLES else {}
    with staged(folder) as staging:
        for name, table in tables.items():
            (staging / name).parent.mkdir(exist_ok=True)
            text = json.dumps(table, indent=1, sort_keys=True)
            (staging / name).write_text(text + "\n", encoding="ascii")
        return tuple(
            uncompared(artifact(staging / name, name), f"{layout}.{Path(name).stem}")
            for name in tables
        )


def _immich(spec: ClipSpec) -> Tables:
    """Each tower has a folder of its own."""
    preprocessing = {
        **RESIZING,
        "size": spec.image_size,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "mode": "RGB",
    }
    text = {f"textual/{name}": table for name, table in _tokenizer(spec).items()}
    return {"config.json": spec.config, "visual/preprocess_cfg.json": preprocessing, **text}


def _tokenizer(spec: ClipSpec) -> Tables:
    """The end of a text also fills it up: the tower pools at the first of them."""
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": spec.context_length,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
    }
    return {"tokenizer.json": tokenizer_file(), "tokenizer_config.json": settings}


_TABLES: Mapping[str, Callable[[ClipSpec], Tables]] = {
    "immich": _immich,
    "transformers.js": _tokenizer,
}
