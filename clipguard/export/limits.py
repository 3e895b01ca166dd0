"""What exported files have to reach, and how int8 is made: ``rules/export.toml``."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError

Fraction = Annotated[float, Meta(ge=0, le=1)]


class ParityLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Smallest cosine and largest difference of a component that a tower may have from torch."""

    min_cosine: Fraction
    max_difference: Fraction


class ByForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of each form of the pair."""

    fp32: ParityLimits
    fp16: ParityLimits
    int8: ParityLimits


class RetakeLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How far a concept's gain through the pair may lie from torch's; gains lie in -1..1."""

    max_difference: Fraction


class Quantisation(Struct, frozen=True, forbid_unknown_fields=True):
    """What onnxruntime's dynamic quantisation is told."""

    operators: tuple[str, ...]
    per_channel: bool
    reduce_range: bool


class ExportRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    parity: ByForm
    retake: RetakeLimits
    int8: Quantisation


@cache
def rules() -> ExportRules:
    """The shipped rules.

    Raises:
        ConfigError: the file is damaged.
    """
    try:
        return msgspec.convert(toml.load(resources.rules("export.toml")), ExportRules)
    except msgspec.ValidationError as error:
        raise ConfigError(
            "rules.export", str(error), where="export.toml", remedy="reinstall clipguard"
        ) from error
