"""How figures are written for people. Fractions become percent here and nowhere else."""

from __future__ import annotations

from clipguard.core.results import Interval, Measurement, Scalar

SPACE = "\u00a0"  # a figure and its unit stay on one line
MINUS = "\u2212"
MISSING = "not recorded"
_UNITS = {"fraction": "", "cosine": "", "count": "", "squared_distance": "squared distance"}


def percent(value: float | None) -> str:
    """A fraction as percent; with more digits near 0 and 1, never rounded to certainty."""
    if value is None:
        return MISSING
    points = 100 * abs(value)
    edge = min(points, abs(100 - points))
    sign = MINUS if value < 0 else ""
    if 0 < edge < 0.01:
        small = points < 1
        beyond = "<" if small == (value > 0) else ">"
        return f"{beyond}{SPACE}{sign}{'0.01' if small else '99.99'}{SPACE}%"
    digits = 0 if edge >= 10 or edge == 0 else 1 if edge >= 1 else 2
    return f"{sign}{round(points, digits):g}{SPACE}%"


def number(value: float | None) -> str:
    """Three significant digits; integers whole, with spaces between thousands."""
    if value is None:
        return MISSING
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}".replace(",", SPACE).replace("-", MINUS)
    return f"{value:.3g}".replace("-", MINUS)


def signed(value: float) -> str:
    """A figure with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", MINUS)


def ratio(value: float | None) -> str:
    """A likelihood ratio as ``25 : 1`` or ``1 : 16``."""
    if value is None:
        return "not estimated"
    if value >= 1:
        return f"{number(value)}{SPACE}:{SPACE}1"
    return f"1{SPACE}:{SPACE}{number(1 / value)}" if value > 0 else "0"


def size(count: int) -> str:
    """Bytes in the unit that keeps them short."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f}{SPACE}{unit}" if unit == "bytes" else f"{value:.1f}{SPACE}{unit}"


def interval(item: Interval) -> str:
    """An interval of fractions, with its confidence."""
    low, high = percent(item.low), percent(item.high)
    return f"{percent(item.confidence)} interval {low} to {high}"


def measurement(item: Measurement) -> str:
    """One figure with its unit; where there is none, why."""
    if item.value is None:
        return f"not measured: {item.absent}" if item.absent else "not measured"
    if item.unit == "fraction":
        return percent(item.value)
    unit = _UNITS.get(item.unit, item.unit)
    return f"{number(item.value)}{SPACE}{unit}" if unit else number(item.value)


def scalar(value: Scalar) -> str:
    """A setting as it would be written in a configuration."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def words(identifier: str) -> str:
    """``image_text_agreement`` as ``image text agreement``."""
    return identifier.replace("_", " ").replace(":", ": ")
