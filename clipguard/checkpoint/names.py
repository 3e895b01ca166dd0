"""Which names in a pickle are structure, which are inert, which are dangerous: data, not code."""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

from clipguard.config import toml
from clipguard.core.resources import rules

TORCHSCRIPT = "__torch__."


class Kind(Enum):
    """What a name may do."""

    CALL = "call"
    NAME = "name"
    INERT = "inert"
    DANGER = "danger"
    UNLISTED = "unlisted"


_KINDS = {"calls": Kind.CALL, "names": Kind.NAME, "inert": Kind.INERT, "danger": Kind.DANGER}


@dataclass(frozen=True)
class Names:
    """The lists of ``rules/reading/globals.toml``."""

    exact: Mapping[str, Kind]
    dangerous_modules: tuple[str, ...]
    storages: Mapping[str, str]

    def kind(self, name: str) -> Kind:
        """What the dotted ``name`` may do; a name that no list holds is UNLISTED."""
        if name in self.exact:
            return self.exact[name]
        return Kind.DANGER if name.startswith(self.dangerous_modules) else Kind.UNLISTED


def modern_name(module: str, attribute: str) -> str:
    """The dotted name that Python 3 takes for one of Python 2, as its unpickler does."""
    module, attribute = NAME_MAPPING.get((module, attribute), (module, attribute))
    return f"{IMPORT_MAPPING.get(module, module)}.{attribute}"


@cache
def names() -> Names:
    """The lists, read once."""
    tables = toml.load(rules("reading", "globals.toml"))
    exact: dict[str, Kind] = dict.fromkeys(tables["storages"], Kind.NAME)
    for key, kind in _KINDS.items():
        exact |= dict.fromkeys(tables[key], kind)
    modules = [name[:-1] for name in tables["danger"] if name.endswith(".*")]
    return Names(exact, tuple(modules), dict(tables["storages"]))
