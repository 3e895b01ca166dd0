"""The trade-off of repairs as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.repair.records import TITLES, Point, Repairs


def trade_off(repairs: Repairs, frontier: Sequence[Point]) -> bytes:
    """Accuracy lost against attack success left: means, and every run of guided."""
    with mpl.rc_context({"svg.hashsalt": "clipguard", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(*_scaled(frontier), "o-", color="#b3541e", label="PAR, best of its grid")
        models = repairs.searched
        guided = repairs.cleaned("guided", models)
        way = [repairs.mean(guided, share) for share in repairs.shares]
        axes.plot(*_scaled(way), "s-", color="#1f5fa8", label="guided, along its way")
        ends = [repairs.at(run) for run in guided]
        axes.plot(*_scaled(ends), ".", color="#1f5fa8", alpha=0.4, label="guided, each run")
        for method, marker in (("fine-tuning", "^"), ("cleanclip", "v")):
            runs = repairs.of(method, models)
            if runs:
                end = _scaled([repairs.mean(runs)])
                axes.plot(*end, marker, color="#555555", label=TITLES[method])
        axes.set_xlabel("accuracy lost (points)")
        axes.set_ylabel("attack success left (%)")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()


def _scaled(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [100 * lost for lost, _ in points], [100 * left for _, left in points]
