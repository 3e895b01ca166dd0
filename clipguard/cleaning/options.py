"""Settings of the cleaning methods, read from ``rules/cleaning/``. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError
from clipguard.core.results import Scalar

Precision = Literal["fp32", "bf16", "fp16"]
"""What towers compute in while they are trained."""

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Weight = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Decay = Annotated[float, Meta(ge=0, lt=1)]
Drift = Annotated[float, Meta(gt=0, le=4)]
Ladder = Annotated[tuple[Positive, ...], Meta(min_length=1)]


class OptimiserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AdamW. ``betas`` are the decay rates of the two moments."""

    betas: tuple[Decay, Decay]
    eps: Positive
    weight_decay: Weight


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The short trial on a throw-away copy that finds the learning rate.

    ``rates`` rise; each is tried for ``steps`` steps.
    """

    rates: Ladder
    steps: Annotated[int, Meta(ge=4)]

    def __post_init__(self) -> None:
        if list(self.rates) != sorted(set(self.rates)):
            raise ValueError("rates must rise")


class AugmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change of the training pictures; areas are shares of the picture."""

    noise_sd: Weight
    noise_probability: Share
    erase_probability: Share
    erase_area_min: Share
    erase_area_max: Share

    def __post_init__(self) -> None:
        if self.erase_area_min > self.erase_area_max:
            raise ValueError("erase_area_min is larger than erase_area_max")


class ParSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PAR: perturb and recover (arXiv 2412.00727)."""

    batch: Annotated[int, Meta(ge=2)]
    steps: Count
    tau: Drift
    push_weight: Weight
    end_ratio: Share
    final_rate: Weight
    explosion: Annotated[float, Meta(gt=1)]
    log_every: Count
    optimiser: OptimiserSettings
    augment: AugmentSettings
    probe: ProbeSettings


class InversionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Universal triggers inverted while cleaning; sides are shares of the picture's."""

    every: Count
    every_targeted: Count
    steps: Count
    step_size: Share
    pictures: Annotated[int, Meta(ge=2)]
    windows: Annotated[tuple[Share, ...], Meta(min_length=1)]
    anywhere: Share
    blends: Annotated[tuple[Share, ...], Meta(min_length=1)]
    mask: Share
    area_penalty: Weight
    kept: Count
    newest: Count
    older: Annotated[int, Meta(ge=0)]


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well inversion works, judged on development pictures; sides as above."""

    window: Share
    blend: Share
    small_window: Share
    pictures: Annotated[int, Meta(ge=2)]
    targets: Count
    controls: Count
    suspicious: Share
    margin: Share


class TermWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What depends on whose the pairs are.

    Steps of a round, the far ones' share of the way back, how many settle at least, weights of
    terms, how pictures are cut and mixed ones once more, and how far they may drift in the probe of
    the rate.
    """

    round_steps: Count
    reach: Share
    settling_rounds: Count
    settling_pull_weight: Weight
    inverted: Annotated[float, Meta(ge=0, le=1)]
    distill: Weight
    mixed: Weight
    answers: Weight
    contrastive: Weight
    probe_drift: Drift
    smallest_view: Annotated[float, Meta(gt=0, le=1)]
    smallest_mixed_view: Annotated[float, Meta(gt=0, le=1)]


class KeepSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cleaning that keeps embeddings: ``distill`` replaces the weight of the pairs."""

    distill: Weight
    max_drift: Drift


class GuidedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Triggered copies are pulled to the delivered model's clean embeddings."""

    batch: Annotated[int, Meta(ge=2)]
    far_rounds: Annotated[int, Meta(ge=0)]
    max_rounds: Count
    warm_up: Share
    settling_rate: Annotated[float, Meta(gt=0, le=1)]
    pull_weight: Weight
    members_per_step: Count
    fresh_instances: Share
    goal: Share
    max_utility_drop: Share
    utility_pictures: Count
    dev_pictures: Annotated[int, Meta(ge=8)]
    dev_variants: Count
    trim: tuple[Share, ...]
    max_drift: Drift
    log_every: Count
    optimiser: OptimiserSettings
    probe: ProbeSettings
    inversion: InversionSettings
    audit: AuditSettings
    keep: KeepSettings
    synthetic: TermWeights
    real: TermWeights


Table = TypeVar("Table", bound=msgspec.Struct)


def load(name: str, kind: type[Table]) -> Table:
    """The settings in ``rules/cleaning/NAME.toml``.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type or out of range.
    """
    return parse(
        toml.load(resources.rules("cleaning", f"{name}.toml")), kind, f"cleaning/{name}.toml"
    )


def parse(data: Mapping[str, Any], kind: type[Table], where: str) -> Table:
    """Settings from a table as read; see :func:`load`."""
    try:
        _refuse_non_finite(data)
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(
            "clean.settings", str(error), where=where, remedy="correct the settings"
        ) from error


def flat(table: msgspec.Struct) -> dict[str, Scalar]:
    """Settings as ``table.key`` with one plain value each; lists become text."""
    found: dict[str, Scalar] = {}
    for key, value in msgspec.to_builtins(table).items():
        if isinstance(value, dict):
            found |= {f"{key}.{name}": _plain(item) for name, item in value.items()}
        else:
            found[key] = _plain(value)
    return found


def _plain(value: Any) -> Scalar:
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{item:g}" for item in value)
    scalar: Scalar = value
    return scalar


def _refuse_non_finite(value: Any) -> None:
    """TOML knows nan and inf, which pass range checks or hide in them."""
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_non_finite(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_non_finite(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no usable number")
