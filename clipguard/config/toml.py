"""TOML from files: the one import site of the parser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipguard.core.errors import ConfigError

if TYPE_CHECKING:
    from importlib.abc import Traversable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load(source: Path | Traversable) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: missing, unreadable, not UTF-8 or not TOML; the message holds the line.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
        return tables
    except FileNotFoundError as error:
        raise ConfigError(
            "config.missing", "no such file", where=str(source), remedy="check the path"
        ) from error
    except OSError as error:
        raise ConfigError(
            "config.unreadable", "cannot be read", where=str(source), remedy="name a readable file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            "config.toml", str(error), where=str(source), remedy="correct the file"
        ) from error
