"""Which of a registry's files are looked at: one model's weights and configuration, never code."""

from __future__ import annotations

from collections.abc import Collection

from clipguard.checkpoint.folder import ENDINGS, models_among, shards_of
from clipguard.checkpoint.sidecar import HF_CONFIG, HF_PREPROCESSOR, OPEN_CLIP_CONFIG
from clipguard.core.errors import InputError
from clipguard.core.text import printable

CONFIGURATIONS = frozenset({OPEN_CLIP_CONFIG, HF_CONFIG, HF_PREPROCESSOR})
_SAFE = (".safetensors", ".safetensors.index.json")
_SHOWN = 6


def weights(names: Collection[str], uri: str) -> str:
    """The file of a folder that holds the model; safetensors come before what can run code.

    Args:
        names: of the folder's files; what lies in folders below it does not count.
        uri: for messages.

    Raises:
        InputError: there is no model, or several.
    """
    safe = {name for name in names if name.endswith(_SAFE) or name in CONFIGURATIONS}
    found = models_among(safe) or models_among(set(names))
    if not found:
        raise InputError(
            "input.no_model",
            "there is no model file",
            where=uri,
            remedy="name a repository or version that holds weights",
        )
    if len(found) > 1:
        shown = ", ".join(printable(name) for name in found[:_SHOWN])
        raise InputError(
            "input.ambiguous",
            f"there are {len(found)} models, such as {shown}",
            where=uri,
            remedy=f"name one of them: {uri}/FILE",
        )
    return found[0]


def is_weights(name: str) -> bool:
    """Whether a name is one that files of weights have."""
    return name.endswith((*ENDINGS, ".index.json"))


def needed(model: str, names: Collection[str]) -> list[str]:
    """The files to fetch: the model, its shards, and the configuration beside it."""
    parts = set(shards_of(model, names))
    return [name for name in sorted(names) if name in {model, *parts, *CONFIGURATIONS}]
