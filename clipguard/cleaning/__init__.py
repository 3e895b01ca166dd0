"""Changing the weights so that a backdoor no longer works.

Methods are named here as text, so that listing them imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from clipguard.cleaning.options import GuidedSettings, ParSettings, load
from clipguard.core.errors import UsageError

if TYPE_CHECKING:
    from clipguard.cleaning.types import CleaningMethod

METHODS = {
    "par": "clipguard.cleaning.par:Par",
    "guided": "clipguard.cleaning.guided:Guided",
}
_SETTINGS: dict[str, type[ParSettings] | type[GuidedSettings]] = {
    "par": ParSettings,
    "guided": GuidedSettings,
}


def method(name: str) -> CleaningMethod:
    """The cleaning method of this name with the shipped settings.

    Raises:
        UsageError: there is none of this name.
        ConfigError: its settings are wrong.
    """
    chosen = settings(name)
    module, attribute = METHODS[name].split(":")
    built: CleaningMethod = getattr(import_module(module), attribute)(chosen)
    return built


def settings(name: str) -> ParSettings | GuidedSettings:
    """The shipped settings of a method, from ``rules/cleaning/NAME.toml``.

    Raises:
        UsageError: there is no method of this name.
        ConfigError: the file is wrong.
    """
    if name not in METHODS:
        raise UsageError(
            "clean.unknown_method",
            f'there is no cleaning method "{name}"',
            where="--method",
            remedy=f"choose one of: {', '.join(METHODS)}",
        )
    return load(name, _SETTINGS[name])
