"""What the template needs of a scan beyond the scan itself: charts, selections, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clipguard.core.results import Demonstration, FamilyResult, Scan
from clipguard.report import charts, words
from clipguard.verdict.calibration import posterior

TOP = 12
PICTURE_BUDGET = 700_000  # characters of base64 for one scan; a report stays below 2 MB
PRIORS = (0.001, 0.01, 0.05, 0.1, 0.5)


@dataclass(frozen=True)
class ScanView:
    """One scan, ready to be laid out.

    ``shown`` is the family whose dose curve is drawn: the suspected one, else the strongest;
    ``left_out`` counts demonstrations that did not fit; ``posteriors`` are (prior, likelihood).
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
    )


def _strip(scan: Scan, name: str) -> Markup | None:
    if scan.replay is None or not scan.replay.families:
        return None
    return charts.null_strip(scan.replay, scan.verdict.trigger, name)


def _posteriors(ratio: float | None) -> tuple[tuple[float, float], ...]:
    if ratio is None:
        return ()
    return tuple((prior, posterior(prior, ratio)) for prior in PRIORS)


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
