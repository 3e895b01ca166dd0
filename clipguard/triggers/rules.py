"""Trigger families from ``rules/triggers/*.toml``. Needs no torch.

A family's ``params`` hold for all its variants. Each ``[[family.sweep]]`` names a curve; every
parameter in it that is a list is swept: the one called ``dose`` orders the curve from weak to
strong (``dose = "-bits"`` when smaller is stronger), each other list opens curves of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from clipguard.config import toml
from clipguard.core import resources
from clipguard.triggers.schema import Length, Spec, Value, complete, nearest, specs_of, wrong
from clipguard.triggers.types import Draw, Scope, TriggerRule, Variant

if TYPE_CHECKING:
    from importlib.abc import Traversable

CLUSTERS = {
    "N": "noise",
    "S": "stripes and grids",
    "Q": "solid blocks",
    "T": "text",
    "P": "pictures",
    "W": "warps",
    "C": "colour and tone",
    "F": "frequency and filters",
    "X": "controls",
}
_FIELDS = ("id", "title", "cluster", "kind", "scope", "draw", "description", "source")
_KEYS = (*_FIELDS, "sinks", "params", "sweep")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_VARIANTS = 400


@cache
def load_rules() -> tuple[TriggerRule, ...]:
    """All families shipped with clipguard, sorted by id; cluster ``X`` holds the controls."""
    found: list[TriggerRule] = []
    for file in resources.rules("triggers").iterdir():
        if file.name.endswith(".toml"):
            found += _read(file, f"triggers/{file.name}")
    return _unique(found, "rules/triggers")


def rule(identifier: str) -> TriggerRule:
    """The family of this id.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    known = {family.id: family for family in load_rules()}
    if identifier not in known:
        raise wrong("unknown_family", nearest(identifier, tuple(known)), "trigger family")
    return known[identifier]


def load_file(path: Path) -> tuple[TriggerRule, ...]:
    """Families of a user's own TOML file, sorted by id.

    Raises:
        ConfigError: not TOML, no family, a rule is wrong, or an id is already taken.
    """
    own = _read(path, str(path))
    taken = {family.id for family in load_rules()}
    for family in own:
        if family.id in taken:
            raise wrong("taken", f'the id "{family.id}" belongs to a built-in family', str(path))
    return _unique(own, str(path))


def parse_rule(data: Mapping[str, Any], where: str) -> TriggerRule:
    """One family from its TOML table.

    Raises:
        ConfigError: unknown or missing key, wrong type or value out of range.
    """
    for key in data:
        if key not in _KEYS:
            raise wrong("unknown_key", nearest(str(key), _KEYS), where)
    text = {field: _text(data, field, where) for field in _FIELDS}
    where = f"{where}: {text['id']}"
    _refuse_unless(_SLUG.fullmatch(text["id"]), "id must be a slug such as my-patch", where)
    _one_of(text["cluster"], tuple(CLUSTERS), "cluster", where)
    _one_of(text["scope"], get_args(Scope), "scope", where)
    _one_of(text["draw"], get_args(Draw), "draw", where)
    return TriggerRule(
        id=text["id"],
        title=text["title"],
        cluster=text["cluster"],
        kind=text["kind"],
        scope=cast(Scope, text["scope"]),
        draw=cast(Draw, text["draw"]),
        description=text["description"],
        source=text["source"],
        sinks=_sinks(data.get("sinks", []), where),
        variants=_variants(data, text["kind"], where),
    )


def _read(file: Path | Traversable, where: str) -> list[TriggerRule]:
    tables = toml.load(file)
    for key in tables:
        if key != "family":
            raise wrong("unknown_key", nearest(key, ("family",)), where)
    families = tables.get("family")
    _refuse_unless(
        isinstance(families, list) and families and all(isinstance(f, dict) for f in families),
        "expected [[family]] tables",
        where,
    )
    return [parse_rule(table, where) for table in cast("list[dict[str, Any]]", families)]


def _unique(families: list[TriggerRule], where: str) -> tuple[TriggerRule, ...]:
    ids = [family.id for family in families]
    twice = sorted({identifier for identifier in ids if ids.count(identifier) > 1})
    _refuse_unless(not twice, f"twice the same id: {', '.join(twice)}", where)
    return tuple(sorted(families, key=lambda family: family.id))


def _variants(data: Mapping[str, Any], kind: str, where: str) -> tuple[Variant, ...]:
    base, sweeps = data.get("params", {}), data.get("sweep", [])
    _refuse_unless(isinstance(base, dict), "params must be a table", where)
    tables = isinstance(sweeps, list) and sweeps and all(isinstance(s, dict) for s in sweeps)
    _refuse_unless(tables, "expected at least one [[family.sweep]]", where)
    found: list[Variant] = []
    for sweep in sweeps:
        found += _expand(base, sweep, kind, where)
    ids = [variant.id for variant in found]
    _refuse_unless(len(ids) == len(set(ids)), "two variants of the same name", where)
    curves = list(dict.fromkeys(variant.curve for variant in found))
    return tuple(sorted(found, key=lambda v: (curves.index(v.curve), v.dose)))


def _expand(
    base: Mapping[str, Any], sweep: Mapping[str, Any], kind: str, where: str
) -> list[Variant]:
    curve, dose = _text(sweep, "curve", where), _text(sweep, "dose", where)
    where = f"{where}: {curve}"
    own = {key: value for key, value in sweep.items() if key not in ("curve", "dose")}
    merged = {**base, **own}
    sign, name = (-1.0, dose[1:]) if dose.startswith("-") else (1.0, dose)
    _refuse_unless(name in merged, f'the dose "{name}" is no parameter here', where)
    variants = []
    for chosen in _combinations(merged, where):
        specs = specs_of(kind, chosen, where)
        params = complete(specs, chosen, where)
        amount = params[name]
        _refuse_unless(not isinstance(amount, (str, bool)), "a dose is a number", where)
        words = {key: _word(value, specs[key]) for key, value in params.items()}
        swept = [words[k] for k, v in merged.items() if isinstance(v, list) and k != name]
        label = "-".join([curve, *swept])
        variants.append(
            Variant(
                id=f"{label}@{words[name]}",
                curve=label,
                dose=sign * float(amount),
                params=params,
            )
        )
    return variants


def _combinations(merged: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    lists = {key: value for key, value in merged.items() if isinstance(value, list)}
    total = 1
    for key, values in lists.items():
        total *= len(values)
        _refuse_unless(bool(values), f"{key} is an empty list", where)
    _refuse_unless(total <= _MAX_VARIANTS, f"more than {_MAX_VARIANTS} variants", where)
    for chosen in product(*lists.values()):
        yield {**merged, **dict(zip(lists, chosen, strict=True))}


def _word(value: Value, spec: Spec) -> str:
    """A value as it stands in a variant's name; pixels are told from fractions."""
    if isinstance(value, str):
        return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}px" if isinstance(spec, Length) and isinstance(value, int) else f"{value:g}"


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if key not in data:
        raise wrong("missing", f'"{key}" is missing', where)
    line = " ".join(value.split()) if isinstance(value, str) else ""
    if not line or not line.isprintable():
        raise wrong("value", f"{key} = {value!r}: expected printable text", where)
    return line


def _sinks(value: object, where: str) -> tuple[str, ...]:
    fine = isinstance(value, list) and all(
        isinstance(sink, str) and sink.strip() and sink.isprintable() for sink in value
    )
    _refuse_unless(fine, "sinks must be a list of words", where)
    return tuple(cast("list[str]", value))


def _one_of(value: str, known: tuple[str, ...], key: str, where: str) -> None:
    if value not in known:
        raise wrong("value", f"{key}: {nearest(value, known)}", where)


def _refuse_unless(fine: object, what: str, where: str) -> None:
    if not fine:
        raise wrong("value", what, where)
