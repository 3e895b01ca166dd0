"""Lines that GitHub Actions shows as annotations of a run.

The runner reads commands from both output streams of a step, only at the start of a line; ``%``,
line breaks, and in properties ``:`` and ``,`` are written as escapes.
"""

from __future__ import annotations

from clipguard.core.results import Result
from clipguard.core.text import defused, printable
from clipguard.report import alerts, words
from clipguard.report.alerts import Alert

MOST = 10  # annotations of one kind that GitHub keeps of a step
_LONGEST = 1000


def commands(result: Result) -> tuple[str, ...]:
    """One line for each alert, and for each gap that is more than a note.

    An alert that does not fail the run is a warning at most: a red line beside a green run would
    contradict it. One that the policy accepts is a notice with the reason.
    """
    told = [_told(alert) for alert in alerts.alerts(result)]
    gaps = (*alerts.stale(result), *alerts.gaps(result))
    told += [(gap.level, gap.id, gap.text) for gap in gaps if gap.level != "note"]
    name = printable(words.subject_name(result))
    lines = []
    for kind in ("error", "warning", "notice"):
        chosen = [item for item in told if _kind(item[0], failed=result.exit_code != 0) == kind]
        lines += [_line(kind, rule, name, text) for _, rule, text in chosen[:MOST]]
    return tuple(lines)


def _told(alert: Alert) -> tuple[str, str, str]:
    reasons = "; ".join(map(words.suppressed, alert.accepted))
    if reasons:
        return "note", alert.rule, f"{alert.text} Accepted: {reasons}"
    return alert.level, alert.rule, alert.text


def _kind(level: str, *, failed: bool) -> str:
    if level == "error":
        return "error" if failed else "warning"
    return "warning" if level == "warning" else "notice"


def _line(kind: str, rule: str, name: str, text: str) -> str:
    return f"::{kind} title={_property(f'clipguard {rule}')}::{_data(f'{name}: {text}')}"


def _data(text: str) -> str:
    return defused(printable(text, _LONGEST)).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
