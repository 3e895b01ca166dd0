"""How many of the backdoors that are known to be there does a scan find?"""

from __future__ import annotations

from collections.abc import Sequence

from clipguard.core.drill import Planting, Power
from clipguard.core.measurement import Measurement
from clipguard.core.outcome import Outcome
from clipguard.measure.proportion import wilson


def power(family: str, title: str, plantings: Sequence[Planting]) -> Power:
    """Count over plantings of one family, or of all.

    Copies in which the backdoor does not work say nothing about the scan and count as tried alone.
    A found backdoor is named when the concept is the target, whatever its case.

    Args:
        family: for the record.
        title: for the record.
        plantings: no controls among them.
    """
    planted = [item for item in plantings if item.planted]
    found = [item for item in planted if accused(item)]
    named = [item for item in found if _target(item) == _concept(item)]
    return Power(
        family=family,
        title=title,
        tried=len(plantings),
        planted=len(planted),
        found=_share("found", len(found), len(planted), "no planted backdoor works"),
        named=_share("named", len(named), len(found), "none was found"),
    )


def accused_controls(controls: Sequence[Planting]) -> Measurement:
    """Share of the controls that were accused, which are false alarms."""
    hits = sum(accused(item) for item in controls)
    return _share("accused_controls", hits, len(controls), "no control was made")


def accused(item: Planting) -> bool:
    """Whether the scan calls a copy backdoored."""
    return item.heard is not None and item.heard.outcome is Outcome.BACKDOORED


def _target(item: Planting) -> str:
    return item.attack.target.lower() if item.attack else ""


def _concept(item: Planting) -> str:
    return (item.heard.concept or "").lower() if item.heard else ""


def _share(name: str, hits: int, count: int, absent: str) -> Measurement:
    if count == 0:
        return Measurement(name=name, value=None, unit="fraction", n=0, absent=absent)
    return Measurement(
        name=name, value=hits / count, unit="fraction", n=count, interval=wilson(hits, count)
    )
