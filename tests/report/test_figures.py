"""How figures are written: never rounded to certainty, never without their unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.results import Interval, Measurement
from clipguard.report import figures


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.735, "74 %"), (0.97, "97 %"),
        (0.962, "96.2 %"), (0.0312, "3.1 %"), (0.00691, "0.69 %"), (0.99957, "99.96 %"),
        (0.99999, "> 99.99 %"), (0.00001, "< 0.01 %"), (-0.027, "\u22122.7 %"),
        (-0.00001, "> \u22120.01 %"), (None, "not recorded"),
    ],
)  # fmt: skip
def test_percent_by_hand(value: float | None, text: str) -> None:
    assert plain(figures.percent(value)) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_certainty_is_shown_as_certainty(value: float) -> None:
    shown = plain(figures.percent(value))
    assert shown not in {"0 %", "100 %"}
    figure = float(shown.strip("<> %"))
    assert abs(figure - 100 * value) <= 0.51


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (151_277_313, "151 277 313"), (2.0, "2"), (0.04131, "0.0413"),
        (-1.5, "\u22121.5"), (3.6e-6, "3.6e\u221206"), (None, "not recorded"),
    ],
)  # fmt: skip
def test_number_by_hand(value: float | None, text: str) -> None:
    assert plain(figures.number(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(25.0, "25 : 1"), (1.0, "1 : 1"), (0.0625, "1 : 16"), (0.0, "0"), (None, "not estimated")],
)
def test_ratio_by_hand(value: float | None, text: str) -> None:
    assert plain(figures.ratio(value)) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (605_157_884, "605.2 MB"),
     (3_500_000_000, "3.5 GB"), (10**16, "10000.0 TB")],
)  # fmt: skip
def test_size_by_hand(count: int, text: str) -> None:
    assert plain(figures.size(count)) == text


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Measurement(name="a", value=0.25, unit="fraction", n=4), "25 %"),
        (Measurement(name="a", value=0.041, unit="cosine", n=4), "0.041"),
        (Measurement(name="a", value=1.5, unit="squared_distance", n=4), "1.5 squared distance"),
        (Measurement(name="a", value=None, unit="fraction", n=0, absent="no pictures"),
         "not measured: no pictures"),
        (Measurement(name="a", value=None, unit="fraction", n=0), "not measured"),
    ],
)  # fmt: skip
def test_measurement_has_its_unit_or_its_reason(item: Measurement, text: str) -> None:
    assert plain(figures.measurement(item)) == text


def test_interval_names_its_confidence() -> None:
    item = Interval(low=0.891, high=0.996, confidence=0.95, method="wilson")
    assert plain(figures.interval(item)) == "95 % interval 89 % to 99.6 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not set"), (True, "yes"), (False, "no"), (3e-5, "3e-05"), ("a", "a"), (0, "0")],
)
def test_settings_are_written_as_they_were_set(value: str | float | bool | None, text: str) -> None:
    assert figures.scalar(value) == text
