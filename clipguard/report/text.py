"""The short summary for people, beside the JSON for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from clipguard.core.drill import Drill
from clipguard.core.gate import Gate
from clipguard.core.measurement import Measurement, Proof
from clipguard.core.origin import came_from
from clipguard.core.results import Evaluation, Export, Result, Scan
from clipguard.core.text import printable
from clipguard.report import alerts, figures, words

_WIDTH = 96
_LABEL = 12
_REASONS = 3
_WEIGHTIEST = 2  # reasons of a likelihood; a repair has to fit beside them
_SAID = ("fail_on ", "undecided ")
_FAMILIES = 10


def render_text(result: Result) -> str:
    """The outcome in at most 25 lines, each harmless to a terminal, with a final newline."""
    word = words.verdict(result).word.upper()
    lines = [f"{word}  {printable(words.subject_name(result), 80)}"]
    lines += _wrap(None, words.lead(result), most=3)
    if result.origin is not None:
        lines += _wrap("from", came_from(result.origin), most=2)
    for finding in alerts.findings(result)[:_REASONS]:
        lines += _wrap("finding", f"{finding.severity.value}: {finding.what}", most=2)
    for note in (result.inspected.notes if result.inspected is not None else ())[:_REASONS]:
        lines += _wrap("note", note.text, most=2)
    if result.drill is not None:
        lines += _drill(result.drill)
    elif result.delivered is not None:
        lines += _judgement(result.delivered)
    if result.evaluation is not None:
        lines += _evaluation(result.evaluation)
    if result.cleaning is not None:
        lines += _repair(result)
    lines += _exported(result.exports) if result.delivered is None else _pair(result)
    if result.gate is not None:
        lines += _policy(result.gate)
    introduction, items = words.uncovered(result)
    lines += _wrap("not covered", f"{introduction} {'; '.join(items)}".strip(), most=7)
    lines += _wrap("next", words.next_step(result), most=3)
    lines += _wrap("exit", f"{result.exit_code}: {words.exit_meaning(result)}", most=1)
    return "\n".join(lines) + "\n"


def _judgement(scan: Scan) -> list[str]:
    verdict = scan.verdict
    lines = []
    if verdict.trigger is not None:
        variant = f" ({verdict.variant})" if verdict.variant else ""
        lines += _wrap("trigger", f"{verdict.trigger}{variant}", most=1)
        lines += _wrap("target", verdict.concept or "none", most=1)
    if verdict.likelihood is not None:
        text = (
            f"{figures.percent(verdict.likelihood)} (prior {figures.percent(verdict.prior)}, "
            f"likelihood ratio {figures.ratio(verdict.likelihood_ratio)})"
        )
        lines += _wrap("likelihood", text, most=1)
    shown = verdict.reasons[:_WEIGHTIEST] if verdict.trigger is not None else ()
    for index, reason in enumerate(shown):
        text = f"{figures.signed(reason.nats)} nats: {reason.text}"
        lines += _wrap("because" if index == 0 else "", text, most=1)
    return lines


def _policy(gate: Gate) -> list[str]:
    """What the verdict does not say already: limits that are broken, what is accepted, and why."""
    broken = [words.ruling(item) for item in gate.rulings if item.state == "broken"]
    lines = []
    for text in (item for item in broken if not item.startswith(_SAID)):
        lines += _wrap("policy", text, most=1)
    for item in gate.suppressed[:_REASONS]:
        lines += _wrap("accepted", words.suppressed(item), most=2)
    for text in words.stale(gate)[:_REASONS]:
        lines += _wrap("ignore", text, most=1)
    return lines


def _drill(drill: Drill) -> list[str]:
    """A table: of each family how many were found, of how many that work, of how many tried."""
    rows = [drill.power, *drill.families]
    lines = [f"  {'family':<28}{'tried':>6}{'planted':>9}{'found':>7}{'named':>7}  95 % interval"]
    for item in rows[:_FAMILIES]:
        found, named = (
            "-" if share.value is None else str(round(share.value * share.n))
            for share in (item.found, item.named)
        )
        span = item.found.interval
        told = f"{figures.percent(span.low)} to {figures.percent(span.high)}" if span else "-"
        lines.append(
            f"  {printable(item.family, 27):<28}{item.tried:>6}{item.planted:>9}{found:>7}"
            f"{named:>7}  {told.replace(figures.SPACE, ' ')}"
        )
    if len(rows) > _FAMILIES:
        lines += _wrap("", f"{len(rows) - _FAMILIES} more families in the result", most=1)
    heard = [item.heard.outcome.value for item in drill.plantings if not item.attack and item.heard]
    lines += _wrap("control", ", ".join(heard) or "none was made", most=1)
    cured = [item.cure for item in drill.plantings if item.cure is not None]
    if cured:
        cleaned = sum(item.cleaned for item in cured)
        lines += _wrap("cleaned", f"{cleaned} of {len(cured)} scanned copies", most=1)
    return lines + (_wrap("not reached", ", ".join(drill.missed), most=1) if drill.missed else [])


def _repair(result: Result) -> list[str]:
    cleaning, repaired = result.cleaning, result.repaired
    if cleaning is None:
        return []
    word = words.outcome(repaired).word.lower() if repaired else "not scanned again"
    state = "cleaned" if cleaning.cleaned else "NOT CLEANED"
    lines = _wrap("repair", f"{state} by {cleaning.method}; rescan: {word}", most=1)
    after = {item.name: item for item in cleaning.after}
    for item in cleaning.before[:_REASONS]:
        if item.name in after:
            change = (
                f"{figures.words(item.name)} {figures.measurement(item)} -> "
                f"{figures.measurement(after[item.name])}"
            )
            lines += _wrap("", change, most=1)
    return lines + (_proof(cleaning.proof) if cleaning.proof is not None else [])


def _proof(proof: Proof) -> list[str]:
    lines = _wrap("cost", words.cost(proof), most=1)
    if proof.rebound is not None:
        lines += _wrap("rebound", words.rebound(proof.rebound), most=1)
    return lines


def _evaluation(evaluation: Evaluation) -> list[str]:
    lines = _wrap("classes", evaluation.classes, most=1)
    for index, item in enumerate(evaluation.utility):
        lines += _wrap("utility" if index == 0 else "", _figure(item), most=1)
    stated = evaluation.attack
    if stated is not None:
        lines += _wrap("trigger", f"{stated.trigger} ({stated.variant}) -> {stated.target}", most=1)
        for item in stated.measurements:
            lines += _wrap("", _figure(item), most=1)
    return lines


def _exported(exports: Sequence[Export]) -> list[str]:
    lines: list[str] = []
    for item in exports:
        told = f"{item.artifact.name:<28}{item.artifact.size_bytes / 1e6:>9.1f} MB"
        if item.min_cosine is not None:
            told += f"   cosine to torch {item.min_cosine:.6f} over {item.compared}"
        lines += _wrap("" if lines else "files", told, most=1)
    return lines


def _pair(result: Result) -> list[str]:
    """Where a verdict comes first: how near the written ONNX pair is to torch."""
    cosines = [item.min_cosine for item in result.exports if item.min_cosine is not None]
    told = [f"cosine to torch {min(cosines):.6f} or more"] if cosines else []
    told += [words.retaken(result.retake)] if result.retake is not None else []
    return _wrap("onnx", "; ".join(told), most=2) if told else []


def _figure(item: Measurement) -> str:
    told = f"{item.name:<27}{figures.measurement(item)}"
    if item.interval is None:
        return told
    low, high = figures.percent(item.interval.low), figures.percent(item.interval.high)
    return f"{told} ({low} to {high}, n = {item.n})"


def _wrap(label: str | None, text: str, *, most: int) -> list[str]:
    """``label`` and ``text`` in at most ``most`` lines; no label: no room for one."""
    flat = printable(text.replace(figures.SPACE, " "), 800)
    return textwrap.wrap(
        flat,
        _WIDTH,
        initial_indent="  " if label is None else f"  {label:<{_LABEL}}",
        subsequent_indent="  " if label is None else " " * (_LABEL + 2),
        max_lines=most,
        placeholder=" ...",
    )
