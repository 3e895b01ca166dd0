"""Methods and their settings."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from clipguard import cleaning
from clipguard.cleaning.options import GuidedSettings, ParSettings, flat, parse
from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.errors import ConfigError, UsageError

PAR = toml.load(resources.rules("cleaning", "par.toml"))


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(PAR)
    *tables, key = path.split(".")
    table = data
    for name in tables:
        table = table[name]
    table[key] = value
    return data


def test_the_published_recipe_is_what_ships() -> None:
    found = cleaning.settings("par")
    assert isinstance(found, ParSettings)
    assert (found.tau, found.push_weight, found.end_ratio, found.final_rate) == (
        2.15,
        0.5,
        0.1,
        1e-9,
    )
    assert (found.optimiser.betas, found.optimiser.eps) == ((0.9, 0.98), 1e-8)
    assert found.optimiser.weight_decay == 1e-4
    assert (found.augment.noise_sd, found.augment.noise_probability) == (0.2, 0.5)
    assert (found.augment.erase_area_min, found.augment.erase_area_max) == (0.005, 0.01)
    assert found.probe.rates[0] == 3e-5


@pytest.mark.parametrize("name", cleaning.METHODS)
def test_every_method_can_be_had_with_its_settings(name: str) -> None:
    assert callable(cleaning.method(name).clean)
    assert isinstance(cleaning.settings(name), (ParSettings, GuidedSettings))


def test_an_unknown_method_is_told_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"clean\.unknown_method.*par, guided"):
        cleaning.method("magic")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("tua", 2.0, "unknown field"),
        ("probe.stepz", 2, "unknown field"),
        ("tau", "2.15", "float"),
        ("tau", 5.0, "<= 4"),
        ("tau", float("nan"), "nan"),
        ("steps", 0, ">= 1"),
        ("steps", 10.5, "int"),
        ("optimiser.betas", [0.9], "length"),
        ("optimiser.betas", [0.9, 1.0], "< 1"),
        ("probe.rates", [], "length"),
        ("probe.rates", [1e-3, 1e-4], "rise"),
        ("augment.erase_area_min", 0.5, "larger"),
    ],
)
def test_wrong_settings_are_refused_by_name(path: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        parse(changed(path, value), ParSettings, "cleaning/par.toml")
    assert caught.value.where == "cleaning/par.toml"


def test_a_missing_key_is_named() -> None:
    data = copy.deepcopy(PAR)
    del data["tau"]
    with pytest.raises(ConfigError, match="tau"):
        parse(data, ParSettings, "cleaning/par.toml")


def test_flat_settings_hold_plain_values() -> None:
    found = flat(cleaning.settings("par"))
    assert found["optimiser.betas"] == "0.9, 0.98"
    assert found["tau"] == 2.15
    assert all(isinstance(value, (str, int, float)) for value in found.values())
