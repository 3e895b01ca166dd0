"""The charts of a report, drawn by matplotlib's objects alone: no windows, no global figures."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from clipguard.core.drill import Power
from clipguard.core.results import FamilyResult, Replay, RoundRecord, StepRecord
from clipguard.report.svg import COLOURS, themed

# Its remarks on caches and fonts are no business of the reader of a report.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_NAMES = {name: colour for colour, name in COLOURS.items()}
INK, MUTED, GRID, SUSPECT, SECOND = (
    _NAMES[name] for name in ("ink", "muted", "grid", "suspect", "second")
)
_SIZE = (6.0, 3.9)  # inches at 72 units each: a font of 12 stays legible on a narrow screen
_LABEL = 28  # characters of a name beside an axis
_STYLE: Any = {  # matplotlib's releases disagree on the type of its settings
    "svg.fonttype": "none",
    "svg.hashsalt": "clipguard",
    "text.parse_math": False,
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def dose_curve(family: FamilyResult, name: str) -> Markup:
    """Effect of the suspected family against its strength.

    Args:
        family: holds at least one point.
        name: identifies the chart within the page.
    """
    points = sorted(family.curve, key=lambda point: point.rms)
    strengths = [point.rms for point in points]

    def draw(axes: Axes) -> None:
        series = (
            ([point.share for point in points], SUSPECT, "o", "-", "share of answers gained"),
            ([point.probability for point in points], SECOND, "s", "-", "probability gained"),
            ([point.control for point in points], MUTED, "^", "--", "control of equal energy"),
        )
        for values, colour, marker, line, label in series:
            axes.plot(strengths, values, line, color=colour, marker=marker, label=label)
        _percent(axes, "y")
        axes.set_ylim(min(-0.02, *(value for values, *_ in series for value in values)), 1.04)
        axes.set_xlim(left=0)
        axes.set_xlabel("strength: root-mean-square pixel change")
        _legend(axes, columns=2)

    return _chart(
        draw,
        name,
        "Dose curve",
        "Gain of the concept against the strength of the trigger, beside the most that "
        "any concept gains under unstructured change of equal energy. The figures are in the table "
        "below.",
    )


def null_strip(replay: Replay, suspect: str | None, name: str) -> Markup:
    """Where the families lie among the controls of the same model."""
    gains = [(gain(item), item.family == suspect) for item in replay.families]

    def draw(axes: Axes) -> None:
        others = [value for value, chosen in gains if not chosen]
        chosen = [value for value, chosen in gains if chosen]
        axes.plot(list(replay.null), [1.0] * len(replay.null), "|", color=INK, markersize=18, mew=2)
        axes.plot(others, _spread(others), "o", color=MUTED, markersize=6, alpha=0.75)
        axes.plot(chosen, [0.0] * len(chosen), "D", color=SUSPECT, markersize=10)
        _rows(axes, ["families", "controls"], "gain of the favoured concept")
        axes.set_xlim(min(-0.03, *replay.null, *(value for value, _ in gains)) - 0.02, 1.03)

    return _chart(
        draw,
        name,
        "Families among the controls",
        "Each mark is one control or one trigger family of this scan, by how much the concept that "
        "it favours gained." + (" The suspected family is the diamond." if suspect else ""),
        height=2.5,
    )


def drift(steps: Sequence[StepRecord], tau: float | None, name: str) -> Markup:
    """Distance of the embeddings from the delivered model over the steps of cleaning."""

    def draw(axes: Axes) -> None:
        moments = [step.step for step in steps]
        axes.plot(moments, [step.image_drift for step in steps], color=SUSPECT, label="images")
        axes.plot(moments, [step.text_drift for step in steps], "--", color=SECOND, label="texts")
        largest = max(max(step.image_drift, step.text_drift) for step in steps)
        if tau is not None and tau < 3 * largest:  # farther away it would flatten the curves
            axes.axhline(tau, color=MUTED, linestyle=":", label="tau")
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, axis="y")
        axes.set_xlabel("step")
        axes.set_ylabel("squared distance")
        _legend(axes, columns=3)

    return _chart(
        draw,
        name,
        "Drift while cleaning",
        "Mean squared distance between the embeddings of the model and those of the delivered one, "
        "for images and for texts, by step.",
    )


def tradeoff(rounds: Sequence[RoundRecord], name: str) -> Markup:
    """What is left of the trigger against what is left of the model, over the rounds of cleaning.

    The first round is the delivered model. Where nothing fired in it, inversion stands for the
    trigger.
    """
    fired = any(item.attack_success is not None for item in rounds)
    points = [
        (item.agreement, (item.attack_success or 0.0) if fired else item.inverted)
        for item in rounds
    ]

    def draw(axes: Axes) -> None:
        kept, left = zip(*points, strict=True)
        axes.plot(kept, left, "-", color=GRID)
        axes.plot(kept[1:], left[1:], "o", color=SECOND, markersize=8, label="on the way")
        axes.plot(kept[:1], left[:1], "D", color=SUSPECT, markersize=10, label="as delivered")
        _legend(axes, columns=2)
        _percent(axes, "x", "y")
        axes.set_ylim(min(-0.04, *left) - 0.01, max(0.25, *left) * 1.1)
        axes.set_xlim(min(0.9, *kept) - 0.02, 1.01)
        axes.set_xlabel("answers of the delivered model kept")
        axes.set_ylabel("attack success" if fired else "reached by inversion")

    return _chart(
        draw,
        name,
        "Trade-off of the cleaning",
        "Each mark is a point that cleaning could have ended at: what is left of the trigger, over "
        "the share of answers that are kept. The figures are in the table below.",
        height=3.2,
    )


def power(families: Sequence[Power], name: str) -> Markup:
    """Share of planted backdoors that the scan found, by family, with intervals."""

    def draw(axes: Axes) -> None:
        for row, item in enumerate(reversed(families)):
            span = item.found.interval
            if span is not None:
                axes.plot([span.low, span.high], [row, row], "-", color=MUTED)
            axes.plot([item.found.value or 0.0], [row], "o", color=SECOND, markersize=8)
        names = [item.title[:_LABEL] for item in reversed(families)]
        _rows(axes, names, "planted backdoors found")
        axes.set_xlim(-0.02, 1.03)

    return _chart(
        draw,
        name,
        "Power of the scan",
        "For each family the share of planted backdoors that were found, with its interval. The "
        "figures are in the table below.",
        height=1.1 + 0.32 * len(families),
    )


def gain(family: FamilyResult) -> float:
    """Mean of the rises in answers and in probability, the quantity that the controls show."""
    rises = (family.share_rise.value or 0.0, family.probability_rise.value or 0.0)
    return sum(rises) / 2


def _chart(
    draw: Callable[[Axes], None], name: str, title: str, description: str, height: float = _SIZE[1]
) -> Markup:
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own settings would change the bytes
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained", facecolor="none")
        axes = figure.add_subplot(facecolor="none")
        draw(axes)
        buffer = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return themed(buffer.getvalue(), name, title, description)


def _percent(axes: Axes, *names: Literal["x", "y"]) -> None:
    for name in names:
        formatter = PercentFormatter(xmax=1, decimals=0, symbol="\u00a0%")
        getattr(axes, f"{name}axis").set_major_formatter(formatter)
    axes.grid(visible=True)
    axes.set_axisbelow(True)


def _rows(axes: Axes, names: Sequence[str], label: str) -> None:
    """Marks in named rows, the first one lowest, over percent of what ``label`` says."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0)
    _percent(axes, "x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)


def _legend(axes: Axes, *, columns: int) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def _spread(values: Sequence[float]) -> list[float]:
    """Heights that keep neighbouring marks apart, always the same."""
    return [((7 * index) % 11 - 5) / 14 for index in range(len(values))]
