"""What the registries have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from clipguard.core.errors import InputError, UsageError
from clipguard.core.origin import Origin
from clipguard.core.progress import Progress


@dataclass(frozen=True)
class Resolved:
    """A model on this machine; ``origin`` is None when it was there from the start."""

    path: str
    origin: Origin | None = None


class Registry(Protocol):
    """A place that hands out models by URI."""

    def __call__(
        self, uri: str, *, online: bool, progress: Progress
    ) -> AbstractContextManager[Resolved]:
        """The model's weights and configuration, on this machine as long as the context lasts.

        Raises:
            ClipguardError: the URI is wrong, leads to no model, or must not be followed.
        """


def malformed(uri: str, form: str) -> UsageError:
    """The URI does not say which model is meant."""
    return UsageError(
        "registry.uri", "this names no model of a registry", where=uri, remedy=f"write {form}"
    )


def unknown(uri: str, what: str, remedy: str) -> InputError:
    """The registry has no such model."""
    return InputError("registry.unknown", what, where=uri, remedy=remedy)


def unreachable(uri: str, error: Exception) -> InputError:
    """The registry does not answer, or answers with something else."""
    told = next(iter(str(error).splitlines()), "") or type(error).__name__
    return InputError(
        "registry.unreachable",
        f"the registry gives no answer: {told}",
        where=uri,
        remedy="check the address, the network and your access, then try again",
    )
