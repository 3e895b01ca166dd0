"""The plan: which models, by content, and what is to be asked of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from clipguard.core.errors import ConfigError, InputError, UsageError
from clipguard.fleet.content import digest
from clipguard.pipeline import frame

PLAN_VERSION = "1.0"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of every model: a command, its options, and the digest of all they mean."""

    command: str
    options: tuple[str, ...]
    settings_sha256: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """One model. ``key`` names its result; ``shard`` (from 0) is the job that it belongs to."""

    key: str
    model: str
    sha256: str
    size_bytes: int
    shard: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides about the results, and so about their keys."""

    schema_version: str
    asked: Asked
    version: str
    rules_sha256: str
    members: tuple[Member, ...]

    def of_shard(self, shard: int | None) -> tuple[Member, ...]:
        """The models of one shard; None: all.

        Raises:
            UsageError: there is no such shard.
        """
        chosen = tuple(item for item in self.members if shard in {None, item.shard})
        if not chosen:
            raise UsageError(
                "fleet.shard",
                f"the plan has no shard {shard}",
                where="--shard",
                remedy=f"give one from 0 to {max(item.shard for item in self.members)}",
            )
        return chosen


def make(models: Sequence[Path], asked: Asked, shards: int | None) -> Plan:
    """Look at every model and spread them over the shards.

    Args:
        models: at least one path.
        asked: what is to be done with each.
        shards: jobs to spread them over, by size; None: one job for each model.

    Raises:
        InputError: a model cannot be read.
    """
    tool = frame.tool()
    found = [(path, *digest(path)) for path in models]
    places = _spread([size for _, _, size in found], min(shards or len(found), len(found)))
    return Plan(
        schema_version=PLAN_VERSION,
        asked=asked,
        version=tool.version,
        rules_sha256=tool.rules_sha256,
        members=tuple(
            Member(
                key=_key(sha256, asked.settings_sha256, tool.rules_sha256, tool.version),
                model=str(path),
                sha256=sha256,
                size_bytes=size,
                shard=place,
            )
            for (path, sha256, size), place in zip(found, places, strict=True)
        ),
    )


def matrix(plan: Plan) -> dict[str, Any]:
    """The jobs as GitHub's ``strategy.matrix`` takes them; sizes are in bytes."""
    jobs: dict[int, list[Member]] = {}
    for item in plan.members:
        jobs.setdefault(item.shard, []).append(item)
    return {
        "include": [
            {
                "shard": shard,
                "models": len(items),
                "size_bytes": sum(item.size_bytes for item in items),
                "name": Path(items[0].model).name + (f" +{len(items) - 1}" if items[1:] else ""),
            }
            for shard, items in sorted(jobs.items())
        ]
    }


def dumps(plan: Plan) -> bytes:
    """Canonical JSON: equal plans give equal bytes."""
    return json.dumps(msgspec.to_builtins(plan), indent=2, sort_keys=True).encode() + b"\n"


def read(path: Path) -> Plan:
    """A plan from its file.

    Raises:
        InputError: it cannot be read, or is no plan.
    """
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            "fleet.plan",
            f"this is no plan of a fleet: {error}",
            where=str(path),
            remedy="write one with clipguard fleet plan",
        ) from error
    return plan


def require_current(plan: Plan, asked: Asked) -> None:
    """Refuse a plan that was made under other settings, rules or another version.

    Raises:
        ConfigError: what the options mean now is not what they meant when the plan was made.
    """
    tool = frame.tool()
    now = (asked.settings_sha256, tool.rules_sha256, tool.version)
    if now != (plan.asked.settings_sha256, plan.rules_sha256, plan.version):
        raise ConfigError(
            "fleet.other_settings",
            "settings, rules or version are not those of the plan",
            where="clipguard fleet",
            remedy="make the plan again, or restore what it was made with",
        )


def _key(sha256: str, *rest: str) -> str:
    return f"{sha256[:16]}-{hashlib.sha256(chr(0).join(rest).encode()).hexdigest()[:8]}"


def _spread(sizes: Sequence[int], shards: int) -> list[int]:
    """The largest first, each into the shard that holds least."""
    load, places = [(0, shard) for shard in range(shards)], [0] * len(sizes)
    for index in sorted(range(len(sizes)), key=lambda index: (-sizes[index], index)):
        held, places[index] = min(load)
        load[places[index]] = (held + max(sizes[index], 1), places[index])
    return places
