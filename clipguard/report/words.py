"""The sentences of a report: what a verdict is called, what it means and what to do next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from clipguard.core.drill import Drill
from clipguard.core.exits import Exit
from clipguard.core.gate import Gate, IgnoreRecord, Ruling, Suppressed
from clipguard.core.measurement import Measurement, Proof, Rebound, Retake
from clipguard.core.results import (
    CheckState,
    Evaluation,
    Export,
    Outcome,
    Replay,
    Result,
    Scan,
    Subject,
)
from clipguard.report import figures, inputs


@dataclass(frozen=True)
class Word:
    """A verdict as it is shown: a word, a sign that needs no colour, a tone for the style sheet."""

    word: str
    sign: str
    tone: str


OUTCOMES = {
    Outcome.BACKDOORED: Word("Backdoored", "\u2715", "alarm"),
    Outcome.NATURAL_LIKE: Word("Natural-like weakness", "\u2248", "caution"),
    Outcome.INCONCLUSIVE: Word("Inconclusive", "?", "caution"),
    Outcome.NO_EVIDENCE: Word("No evidence found", "\u2013", "calm"),
}
REFUSED = Word("Refused", "\u2298", "alarm")
NOT_RUN = Word("Could not run", "!", "caution")
MEASURED = Word("Measured", "=", "calm")
DRILLED = Word("Drilled", "=", "calm")
INSPECTED = Word("Inspected", "=", "calm")
FLAWED = Word("Findings in the file", "!", "caution")
EXPORTED = Word("Exported", "=", "calm")
NOT_MEASURED = Word("Not measured", "?", "caution")

_NAMED = 3  # families in a sentence
_REPEATED = {"fail_on", "require_check"}
_REPORTS = {
    "scan": "Scan report",
    "clean": "Repair report",
    "audit": "Audit report",
    "evaluate": "Evaluation",
    "export": "Export",
    "drill": "Drill",
    "inspect": "Inspection",
}


def heading(result: Result) -> str:
    """What kind of document this is."""
    return _REPORTS.get(result.command, "Report")


def verdict(result: Result) -> Word:
    """The verdict on the delivered file; without a scan, why there is none."""
    if result.drill is not None:
        return DRILLED
    if result.delivered is not None:
        return outcome(result.delivered)
    if result.evaluation is not None:
        return MEASURED if result.complete else NOT_MEASURED
    if result.inspected is not None:
        return FLAWED if result.inspected.findings else INSPECTED
    if result.exports:
        return EXPORTED
    return REFUSED if result.exit_code == Exit.INCONCLUSIVE or result.findings else NOT_RUN


def outcome(scan: Scan) -> Word:
    """The verdict of one scan."""
    return OUTCOMES[scan.verdict.outcome]


def lead(result: Result) -> str:
    """The sentence under the verdict."""
    if result.drill is not None:
        return drilled(result.drill)
    if result.delivered is not None:
        return result.delivered.verdict.summary
    if result.error is not None:
        return _sentence(result.error.message)
    if result.evaluation is not None:
        return _measured(result.evaluation)
    if result.inspected is not None:
        return _described(result.inspected)
    if result.exports:
        return f"{len(result.exports)} files hold the model as it was given."
    return "The file was not read further."


def subject_name(result: Result) -> str:
    """Name of the file that this is about."""
    subject = inputs.subject(result)
    if subject is not None:
        return subject.artifact.name
    named = result.settings.get("model")
    return str(named) if named else "the given file"


def exit_meaning(result: Result) -> str:
    """What a caller may conclude from the exit code."""
    try:
        return Exit(result.exit_code).meaning
    except ValueError:
        return "unknown code"


def next_step(result: Result) -> str:
    """What to do now."""
    if result.error is not None:
        return _sentence(result.error.remedy) or "Correct the input and run the command again."
    if result.drill is not None:
        return _after_drill(result.drill)
    if result.evaluation is not None:
        return (
            "A trigger that does nothing here may still work in another form or place; "
            "clipguard scan looks for triggers."
        )
    if result.inspected is not None:
        return "Scan the model before you use it: clipguard scan."
    if result.delivered is None and result.exports:
        return "Scan the model before you use these files: clipguard scan."
    if result.delivered is None:
        return "Do not load this file. Ask its source for a safetensors file."
    if result.cleaning is not None:
        return _after_cleaning(result)
    if result.gate is not None and any(item.state == "suppressed" for item in result.gate.rulings):
        return (
            "What was found is accepted and does not gate. Read the justification again before you "
            "use the model."
        )
    return _AFTER_SCAN[result.delivered.verdict.outcome]


_AFTER_SCAN = {
    Outcome.BACKDOORED: (
        "Do not use this model. Go back to a source you trust, or repair it with "
        "clipguard audit and use the repaired files."
    ),
    Outcome.NATURAL_LIKE: (
        "Decide whether others can put such a pattern into your pictures. If they can, repair the "
        "model with clipguard clean or filter its inputs."
    ),
    Outcome.INCONCLUSIVE: (
        "Treat the model as unchecked. Scan again with your own pictures (--images or --data)."
    ),
    Outcome.NO_EVIDENCE: (
        "Compare what was not covered with the use you plan, and keep this report beside the "
        "file's digest."
    ),
}


def ruling(item: Ruling) -> str:
    """What one rule of the policy says."""
    found, limit = (
        value if isinstance(value, str) else figures.number(value)
        for value in (item.found, item.limit)
    )
    return f"{item.rule} {item.state}: found {found}, limit {limit}"


def suppressed(item: Suppressed) -> str:
    """What does not gate, and why."""
    until = f" until {item.expires}" if item.expires else ""
    return f"{item.charge.id} ({item.charge.place}){until}: {item.reason}"


def stale(gate: Gate) -> tuple[str, ...]:
    """The ignores that do nothing."""
    return tuple(filter(None, map(idle, gate.ignores)))


def idle(item: IgnoreRecord) -> str:
    """Why an ignore does nothing; empty when it is in use."""
    told = {
        "expired": f"expired on {item.expires}, it gates again",
        "unused": f"unused: the file {item.sha256[:12]} has no such finding",
    }
    return f"{item.id}: {told[item.state]}" if item.state in told else ""


def parity(item: Export) -> str:
    """How an exported file agrees with torch; empty where there was nothing to compare."""
    if item.min_cosine is None:
        return ""
    return (
        f"cosine {item.min_cosine:.7f} or more, largest difference "
        f"{figures.number(item.max_abs_difference)}, over {figures.number(item.compared)} inputs"
    )


def retaken(item: Retake) -> str:
    """The verdict on the ONNX pair, and the strongest family that it rests on."""
    told = f"{OUTCOMES[item.outcome].word.lower()} through the ONNX pair as well"
    for strongest in item.families[:1]:
        told += (
            f": {strongest.family} moves {figures.measurement(strongest.in_onnx)} of the pictures, "
            f"{figures.measurement(strongest.in_torch)} in torch"
        )
    return told


def cost(proof: Proof) -> str:
    """What a repair costs, beside what it may cost."""
    return (
        f"{figures.words(proof.judged_by)} fell by {figures.measurement(proof.loss)}, "
        f"at most {figures.percent(proof.limit)} may be lost"
    )


def rebound(item: Rebound) -> str:
    """How far a trigger comes back when users fine-tune."""
    return (
        f"attack success at most {figures.measurement(item.worst.success)} within "
        f"{item.points[-1].step} steps of benign fine-tuning"
    )


def uncovered(result: Result) -> tuple[str, tuple[str, ...]]:
    """What this run says nothing about: an introduction, empty for a whole scan, and the list."""
    if result.drill is not None:
        return (
            "Triggers that were not planted, and attackers who are more patient than a drill.",
            (),
        )
    if result.evaluation is not None:
        return "Backdoors: an evaluation looks for none beyond the trigger that it is given.", ()
    if result.inspected is not None:
        return "Backdoors: no trigger was tried on the model, the file alone was looked at.", ()
    if result.delivered is None:
        return "Everything: the model was not probed. Nothing is said about it.", ()
    if result.delivered.replay is None:
        return (
            "Everything: no trigger was replayed. Even a whole scan would not cover:",
            result.delivered.verdict.not_covered,
        )
    return "", (*_unmeasured(result.delivered.replay), *result.delivered.verdict.not_covered)


def _unmeasured(replay: Replay) -> tuple[str, ...]:
    titles = [item.title for item in replay.families if item.share_rise.value is None]
    named = ", ".join(titles[:_NAMED])
    more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    return (f"families that could not be measured: {named}{more}",) if titles else ()


def drilled(drill: Drill) -> str:
    """What a drill found, in a sentence or two."""
    told, power = "Nothing was planted.", drill.power
    if power.named.value is not None:
        told = (
            f"The scan found {counted(power.found)} planted backdoors, "
            f"{counted(power.named)} of these with the right target."
        )
    elif power.planted:
        told = f"The scan found none of {power.planted} planted backdoors."
    elif power.tried:
        told = f"None of {power.tried} planted backdoors works; nothing is known about the scan."
    controls = drill.accused_controls
    if controls.value is not None:
        told += f" Controls without poison that were accused: {counted(controls)}."
    if drill.missed:
        told += f" Copies that the budget left undone: {len(drill.missed)}."
    return told


def counted(item: Measurement) -> str:
    """A share as a count: ``5 of 8``."""
    return f"{round((item.value or 0.0) * item.n)} of {item.n}"


def _after_drill(drill: Drill) -> str:
    if drill.missed:
        return "Run the same command with --resume to do what is left."
    if drill.accused_controls.value:
        return (
            "A copy without poison is accused: fine-tuning alone sets the scan off on this model. "
            "Give pictures of its own domain (--images or --data) and drill again."
        )
    return (
        "Read what a scan of this model does not find by the families above; more --rounds make "
        "the intervals narrower."
    )


def _measured(evaluation: Evaluation) -> str:
    told = (
        f"{evaluation.pictures} pictures of {evaluation.data}, {evaluation.labelled} of them with "
        f"a class, against {evaluation.concepts} concepts ({evaluation.vocabulary})."
    )
    broken = next((check for check in evaluation.checks if check.state is CheckState.FAILED), None)
    return f"{told} Note: {broken.reason}." if broken else told


def _described(subject: Subject) -> str:
    flaws = len(subject.findings)
    return (
        f"Read without running any of it: {subject.format} with the names of {subject.layout}, "
        f"{subject.architecture}, {figures.number(subject.parameters)} values in {subject.dtype}."
        + (f" Findings: {flaws}." if flaws else "")
    )


def _after_cleaning(result: Result) -> str:
    repaired = result.repaired
    if (
        result.cleaning is None
        or not result.cleaning.cleaned
        or repaired is None
        or repaired.verdict.outcome is not Outcome.NO_EVIDENCE
    ):
        why = "; ".join(result.cleaning.refused) if result.cleaning else ""
        return (
            f"Use neither the delivered nor the written file: {why or 'the model was not cleaned'}."
            " Try another method or your own pairs (--data), or go back to a source you trust."
        )
    return (
        "Use the repaired files listed in this report, not the delivered one, after you have "
        "checked that the accuracy that remains is enough for you."
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""


def command_line(result: Result) -> str:
    """The command that gives this result again: every setting that is not the default."""
    origin = result.origin
    model = origin.uri if origin else result.settings.get("model") or subject_name(result)
    parts = ["clipguard", result.command, shlex.quote(str(model))]
    parts += ["--online"] if origin else []
    for name, value in sorted(result.settings.items()):
        if name == "model" or value is None or value is False:
            continue
        if result.origins.get(name, "default") == "default":
            continue
        option = f"--{name.replace('_', '-')}"
        values = str(value).split(",") if name in _REPEATED else [str(value)]
        parts += [option] if value is True else _given(option, values)
    return " ".join(parts)


def _given(option: str, values: list[str]) -> list[str]:
    return [part for value in values for part in (option, shlex.quote(value))]
