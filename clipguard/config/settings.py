"""The settings file: ``clipguard.toml``, or ``[tool.clipguard]`` in ``pyproject.toml``.

Keys at the top hold for every command that knows them; the tables ``[scan]``, ``[clean]``,
``[audit]``, ``[export]``, ``[evaluate]`` and ``[drill]`` for one command. What gates stands in
``[policy]`` for all of them, and in ``[[ignore]]``. The file is searched from the working folder
upward to the root of the repository, never from the folder of the model: the subject must not set
its own exam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from clipguard.config import toml
from clipguard.config.policy import Ignore, read_ignores
from clipguard.core.errors import ConfigError
from clipguard.core.origin import is_uri
from clipguard.core.today import today

FILE = "clipguard.toml"
PROJECT = "pyproject.toml"

_GATE = {
    "fail_on": "list of names",
    "fail_on_severity": "name",
    "max_likelihood": "number",
    "min_coverage": "number",
    "min_carriers": "integer",
    "require_check": "list of names",
    "baseline": "path",
}
_COST = {"max_utility_drop": "number", "min_agreement": "number", "max_rebound": "number"}
POLICY: Mapping[str, str] = {**_GATE, **_COST}
"""Key -> kind of value of the table ``[policy]``; other tables do not hold them."""

_SCAN = {
    "model": "path or URI",
    "online": "true or false",
    "arch": "name or path",
    "labels": "path",
    "images": "path",
    "data": "source or list of sources",
    "carriers": "integer",
    "budget": "integer",
    "prior": "number",
    "exit_zero": "true or false",
    "seed": "integer",
    "device": "name",
    "report": "list of FMT=PATH",
    **_GATE,
}
_CLEAN = {
    **_SCAN,
    "output": "path",
    "synthetic": "true, false, a share or diffusers:FOLDER",
    "method": "name",
    "steps": "integer",
    "learning_rate": "number",
    "micro_batch": "integer",
    "precision": "name",
    "gradient_checkpointing": "true or false",
    "resume": "true or false",
    "save_every": "integer",
    "eval": "source",
    "layout": "name",
    "keep_embeddings": "true or false",
    **_COST,
}
_EVALUATE = {
    **{key: _SCAN[key] for key in ("model", "online", "arch", "labels", "seed", "device")},
    "trigger": "name or path",
    "variant": "name",
    "target": "name",
}
_EXPORT = {
    **{key: _SCAN[key] for key in ("model", "online", "arch", "seed", "device")},
    "output": "path",
    "precision": "list of names",
    "layout": "name",
}
_DRILL = {
    **{key: kind for key, kind in _SCAN.items() if key not in {*POLICY, "exit_zero", "report"}},
    "budget": "time",
    "output": "path",
    "triggers": "list of names",
    "rounds": "integer",
    "clean": "true or false",
    "resume": "true or false",
    "keep": "path",
}
_LOG = {"log_to": "name", "alias_if_passed": "name"}
KNOWN: Mapping[str, Mapping[str, str]] = {
    "scan": {**_SCAN, **_LOG},
    "clean": _CLEAN,
    "audit": {**_CLEAN, **_LOG},
    "export": _EXPORT,
    "evaluate": _EVALUATE,
    "drill": _DRILL,
}
"""Command -> key -> kind of value. The keys are those of the command's options."""

_TABLES = (*KNOWN, "policy", "ignore")

_TYPES: Mapping[str, tuple[type, ...]] = {
    "path": (str,),
    "name": (str,),
    "name or path": (str,),
    "path or URI": (str,),
    "source": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "true or false": (bool,),
    "true, false, a share or diffusers:FOLDER": (bool, float, str),
}
_DIFFUSERS = "diffusers:"


@dataclass(frozen=True)
class Settings:
    """What a settings file says, per command, with paths resolved against the file's folder."""

    path: Path
    values: Mapping[str, Mapping[str, Any]]
    ignores: tuple[Ignore, ...] = ()


def find(start: Path) -> Path | None:
    """The settings file that holds for work done in ``start``; None when there is none."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        if _mentions_clipguard(folder / PROJECT):
            return folder / PROJECT
        if (folder / ".git").exists():
            return None
    return None


def read(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        ConfigError: no TOML, an unknown key or command, or a value of the wrong kind.
    """
    tables = toml.load(path)
    if path.name == PROJECT:
        tables = tables.get("tool", {}).get("clipguard", {})
    policy = _table(tables, "policy", POLICY, path)
    shared = {key: value for key, value in tables.items() if key not in _TABLES}
    _check(shared, _outside_policy({**_DRILL, **_EVALUATE, **_CLEAN, **_LOG}), path, extra=_TABLES)
    values = {}
    for command, known in KNOWN.items():
        own = _table(tables, command, _outside_policy(known), path)
        fitting = {
            key: value for key, value in shared.items() if key in known and _fits(value, known[key])
        }
        merged = {**fitting, **policy, **own}
        values[command] = {
            key: _resolved(value, known[key], path.parent)
            for key, value in merged.items()
            if key in known
        }
    given = "ignore" in tables  # today's date is asked for where something expires, only
    ignores = read_ignores(tables["ignore"], path, today()) if given else ()
    return Settings(path, values, ignores)


def _table(
    tables: Mapping[str, Any], name: str, known: Mapping[str, str], path: Path
) -> Mapping[str, Any]:
    own = tables.get(name, {})
    if not isinstance(own, dict):
        raise _wrong(path, name, "a table")
    _check(own, known, path, prefix=f"{name}.")
    return own


def _outside_policy(known: Mapping[str, str]) -> Mapping[str, str]:
    return {key: kind for key, kind in known.items() if key not in POLICY}


def _mentions_clipguard(path: Path) -> bool:
    """Other people's broken project files are none of our business."""
    try:
        return "tool.clipguard" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _check(
    given: Mapping[str, Any],
    known: Mapping[str, str],
    path: Path,
    *,
    prefix: str = "",
    extra: tuple[str, ...] = (),
) -> None:
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(key, [*known, *extra], n=1, cutoff=0.0)[0]
            remedy = "write it in [policy]" if key in POLICY else f"the nearest name is {near}"
            raise ConfigError(
                "config.unknown_key",
                f"unknown setting {prefix}{key}",
                where=str(path),
                remedy=remedy,
            )
        if not _fits(value, known[key]):
            raise _wrong(path, prefix + key, known[key])


def _fits(value: Any, kind: str) -> bool:
    if kind == "source or list of sources" and isinstance(value, str):
        return True
    if kind in {"list of names", "list of FMT=PATH", "source or list of sources"}:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    wanted = _TYPES[kind]
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


def _wrong(path: Path, key: str, kind: str) -> ConfigError:
    return ConfigError(
        "config.wrong_type", f"{key} has the wrong type", where=str(path), remedy=f"give {kind}"
    )


def _resolved(value: Any, kind: str, folder: Path) -> Any:
    if kind == "path or URI" and is_uri(value):
        return value
    if kind in {"path", "path or URI", "source"}:
        return str(folder / value)
    if kind == "name or path" and value.endswith((".json", ".toml")):
        return str(folder / value)
    if kind == "source or list of sources":
        sources = [value] if isinstance(value, str) else value
        return [str(folder / text) for text in sources]
    if kind == "list of FMT=PATH":
        return [_report(text, folder) for text in value]
    if isinstance(value, str) and value.startswith(_DIFFUSERS):
        return _DIFFUSERS + str(folder / value.removeprefix(_DIFFUSERS))
    return value


def _report(text: str, folder: Path) -> str:
    """What is no report is left for the option to refuse."""
    name, _, path = text.partition("=")
    return text if path in {"", "-"} else f"{name}={folder / path}"
