"""Features to a likelihood ratio, by coefficients that are data.

The coefficients are those of a logistic regression fitted in ``bench/`` on models whose history is
known; the ratio is the fitted odds divided by the odds of the fitting set. A ratio larger than the
number of models behind it would claim more than they can show, so it is capped by that number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from clipguard.core import resources
from clipguard.core.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Fitted coefficients with what they were fitted on.

    ``coefficients`` are nats per unit of a feature, all >= 0: more evidence never lowers the
    likelihood. ``clean`` and ``backdoored`` count the fitting models.
    """

    id: str
    coefficients: Mapping[str, float]
    intercept: float
    clean: int
    backdoored: int
    fitted_on: str

    def nats(self, features: Mapping[str, float]) -> dict[str, float]:
        """Contribution of each feature to the log odds.

        Raises:
            ConfigError: the coefficients ask for a feature that was not measured.
        """
        missing = sorted(set(self.coefficients) - set(features))
        if missing:
            raise ConfigError(
                "calibration.features",
                f"the calibration wants {', '.join(missing)}",
                where=self.id,
                remedy="use the calibration shipped with this version",
            )
        return {name: weight * features[name] for name, weight in self.coefficients.items()}

    def likelihood_ratio(self, features: Mapping[str, float]) -> float:
        """How many times likelier the features are for a backdoored model than for a clean one."""
        log_odds = self.intercept + sum(self.nats(features).values())
        log_ratio = log_odds - math.log(self.backdoored / self.clean)
        low, high = -math.log(self.backdoored + 1), math.log(self.clean + 1)
        return math.exp(min(max(log_ratio, low), high))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a calibration made of models that it was not fitted on.

    ``accused`` counts the false alarms among the ``clean`` models, ``found`` the finds among the
    ``backdoored`` ones; ``models`` says of what kind they are.
    """

    calibration: str
    clean: int
    accused: int
    backdoored: int
    found: int
    models: str


def load(name: str = "replay") -> Calibration:
    """The calibration ``rules/calibration/NAME.json``.

    Raises:
        ConfigError: missing or malformed.
    """
    return _read(name, Calibration)


def trial(name: str = "replay") -> Trial:
    """The trial of the calibration of that name.

    Raises:
        ConfigError: missing or malformed.
    """
    return _read(f"{name}.trial", Trial)


def _read(name: str, kind: type[T]) -> T:
    try:
        data = resources.rules("calibration", f"{name}.json").read_bytes()
        return msgspec.convert(json.loads(data), kind)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ConfigError(
            "calibration.invalid",
            str(error),
            where=f"rules/calibration/{name}.json",
            remedy="reinstall clipguard",
        ) from error


def posterior(prior: float, likelihood_ratio: float) -> float:
    """Probability after looking: prior odds times the ratio, as a probability.

    Raises:
        ConfigError: the prior is not strictly between 0 and 1.
    """
    if not 0 < prior < 1:
        raise ConfigError(
            "verdict.prior",
            f"the prior is {prior}",
            where="--prior",
            remedy="give a number between 0 and 1",
        )
    odds = prior / (1 - prior) * likelihood_ratio
    return odds / (1 + odds)
