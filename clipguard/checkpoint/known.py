"""open_clip's own model configurations, read as the JSON files they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipguard.checkpoint.expected import is_plain
from clipguard.core.errors import MachineError


@cache
def all_configs() -> Mapping[str, dict[str, Any]]:
    """Every configuration by name; open_clip itself is not imported.

    Raises:
        MachineError: open_clip is not installed.
    """
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise MachineError(
            "env.open_clip", "open_clip is not installed", remedy="pip install open_clip_torch"
        )
    folder = Path(spec.submodule_search_locations[0]) / "model_configs"
    return {file.stem: json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))}


@cache
def plain_configs() -> Mapping[str, dict[str, Any]]:
    """Those of CLIP's own towers with the standard tokenizer, simplest names first."""
    plain = {
        name: config
        for name, config in all_configs().items()
        if is_plain(config) and "hf_tokenizer_name" not in config["text_cfg"]
    }
    return {name: plain[name] for name in sorted(plain, key=lambda name: (len(name), name))}
