"""From what stands in the place of MODEL to a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

from clipguard.core.errors import UsageError
from clipguard.core.origin import is_uri
from clipguard.core.progress import Progress
from clipguard.registry.types import Registry, Resolved

REGISTRIES: Mapping[str, str] = {
    "hf": "clipguard.registry.hugging_face:opened",
    "models": "clipguard.registry.mlflow_model:opened",
}
"""Scheme -> ``module:function``, imported when it is used."""

_FORMS = "hf://ORG/NAME@COMMIT or models:/NAME/VERSION"
_OTHER_SPELLINGS = re.compile(
    r"(?:hf-hub:|https?://(?:huggingface\.co|hf\.co)/)([\w.-]+/[\w.-]+)(?:/tree/([\w.-]+))?/?"
)


@contextmanager
def resolved(model: str, *, online: bool, progress: Progress) -> Iterator[Resolved]:
    """The path that a model has as long as the context lasts.

    Args:
        model: a path, which stays what it is, or a URI.
        online: whether anything but this machine's disks may be asked.
        progress: where to report.

    Raises:
        UsageError: there is no registry of that scheme.
        ClipguardError: as the registry raises it.
    """
    if not is_uri(model):
        yield Resolved(model)
        return
    scheme = model.partition(":")[0]
    if scheme not in REGISTRIES:
        raise UsageError(
            "registry.scheme",
            "models are not taken from there",
            where=model,
            remedy=f"give {_respelt(model) or f'a file, a folder, {_FORMS}'}",
        )
    module, _, function = REGISTRIES[scheme].partition(":")
    registry: Registry = getattr(import_module(module), function)
    with registry(model, online=online, progress=progress) as found:
        if found.origin is not None and not found.origin.pinned:
            progress.say(f"{model} may lead elsewhere tomorrow; pin it: {found.origin.uri}")
        yield found


def _respelt(uri: str) -> str | None:
    """The form for what open_clip and browsers write in another one."""
    found = _OTHER_SPELLINGS.fullmatch(uri)
    if found is None:
        return None
    return f"hf://{found[1]}" + (f"@{found[2]}" if found[2] else "")
