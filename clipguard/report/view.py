"""What the templates need beyond the result itself: charts, selections, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clipguard.core.results import (
    Cleaning,
    Demonstration,
    Drill,
    FamilyResult,
    Measurement,
    Scan,
    StepRecord,
)
from clipguard.measure.proportion import wilson
from clipguard.report import charts, figures, words
from clipguard.verdict import calibration

TOP = 12
PICTURE_BUDGET = 700_000  # characters of base64 for one scan; a report stays below 2 MB
STEPS = 200  # rows of the table of steps
PRIORS = (0.001, 0.01, 0.05, 0.1, 0.5)


@dataclass(frozen=True)
class ScanView:
    """One scan, ready to be laid out.

    ``shown`` is the family whose dose curve is drawn: the suspected one, else the strongest;
    ``left_out`` counts demonstrations that did not fit; ``posteriors`` are (prior, likelihood);
    ``calibrated`` says what stands behind the likelihood.
    """

    name: str
    scan: Scan
    word: words.Word
    shown: FamilyResult | None
    suspected: bool
    top: Sequence[FamilyResult]
    rest: Sequence[FamilyResult]
    dose: Markup | None
    strip: Markup | None
    demonstrations: tuple[Demonstration, ...]
    left_out: int
    posteriors: tuple[tuple[float, float], ...]
    calibrated: str


@dataclass(frozen=True)
class RepairView:
    """A cleaning: ``changes`` are (name, before, after), ``steps`` those a table has room for."""

    cleaning: Cleaning
    changes: tuple[tuple[str, Measurement | None, Measurement | None], ...]
    tradeoff: Markup | None
    drift: Markup | None
    steps: tuple[StepRecord, ...]


@dataclass(frozen=True)
class DrillView:
    """A drill with the chart of its power; None when nothing was planted."""

    drill: Drill
    power: Markup | None


def scan_view(scan: Scan, name: str) -> ScanView:
    """Lay out one scan.

    Args:
        scan: what was found.
        name: identifies it within the page.
    """
    families = scan.replay.families if scan.replay else ()
    suspect = next((item for item in families if item.family == scan.verdict.trigger), None)
    shown = suspect or (families[0] if families else None)
    pictures = _affordable(scan.demonstrations)
    return ScanView(
        name=name,
        scan=scan,
        word=words.outcome(scan),
        shown=shown,
        suspected=suspect is not None,
        top=families[:TOP],
        rest=families[TOP:],
        dose=charts.dose_curve(shown, f"{name}-dose") if shown and shown.curve else None,
        strip=_strip(scan, f"{name}-null"),
        demonstrations=pictures,
        left_out=len(scan.demonstrations) - len(pictures),
        posteriors=_posteriors(scan.verdict.likelihood_ratio),
        calibrated=_calibrated(scan.verdict.calibration),
    )


def repair_view(cleaning: Cleaning) -> RepairView:
    """Lay out a cleaning; what was measured only once has an empty side."""
    before, after = (
        {item.name: item for item in side} for side in (cleaning.before, cleaning.after)
    )
    names = dict.fromkeys([*before, *after])
    tau = cleaning.settings.get("tau")
    limit = float(tau) if isinstance(tau, (int, float)) and not isinstance(tau, bool) else None
    every = -(-len(cleaning.steps) // STEPS) or 1
    return RepairView(
        cleaning=cleaning,
        changes=tuple((name, before.get(name), after.get(name)) for name in names),
        tradeoff=charts.tradeoff(cleaning.rounds, "tradeoff") if cleaning.rounds else None,
        drift=charts.drift(cleaning.steps, limit, "drift") if cleaning.steps else None,
        steps=cleaning.steps[::-every][::-1],
    )


def drill_view(drill: Drill) -> DrillView:
    """Lay out a drill."""
    measured = [item for item in drill.families if item.found.value is not None]
    return DrillView(drill=drill, power=charts.power(measured, "power") if measured else None)


def _strip(scan: Scan, name: str) -> Markup | None:
    if scan.replay is None or not scan.replay.families:
        return None
    return charts.null_strip(scan.replay, scan.verdict.trigger, name)


def _posteriors(ratio: float | None) -> tuple[tuple[float, float], ...]:
    if ratio is None:
        return ()
    return tuple((prior, calibration.posterior(prior, ratio)) for prior in PRIORS)


def _calibrated(identifier: str) -> str:
    """How many models the shipped calibration rests on; nothing is known of another version's."""
    fitted, tried = calibration.load(), calibration.trial()
    if identifier != fitted.id:
        return ""
    told = f"Calibrated on {fitted.clean} clean and {fitted.backdoored} backdoored models."
    if tried.calibration != fitted.id:
        return told
    most = figures.percent(wilson(tried.accused, tried.clean).high)
    return (
        f"{told} Of others that it was not fitted on ({tried.models}), {tried.accused} of "
        f"{tried.clean} clean ones were accused (false alarms up to {most} cannot be excluded), "
        f"{tried.found} of {tried.backdoored} backdoored ones found."
    )


def _affordable(demonstrations: Sequence[Demonstration]) -> tuple[Demonstration, ...]:
    """As many from the front as the budget holds."""
    kept: list[Demonstration] = []
    spent = 0
    for item in demonstrations:
        spent += len(item.original.png_base64) + len(item.triggered.png_base64)
        if spent > PICTURE_BUDGET:
            break
        kept.append(item)
    return tuple(kept)
