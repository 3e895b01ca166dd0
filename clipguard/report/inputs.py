"""The files and the data that a result rests on, by name and digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clipguard.core.results import PairRecord, Result, Subject
from clipguard.report.figures import number


@dataclass(frozen=True)
class Data:
    """Data that a model was trained or measured on; ``sha256`` is None when it was not recorded.

    ``unused`` names the first items of it that could not be used.
    """

    name: str
    used: str
    sha256: str | None = None
    unused: tuple[str, ...] = ()


def subject(result: Result) -> Subject | None:
    """The checkpoint that was given, as recognised; None when it was not read."""
    about = result.delivered or result.evaluation
    return about.subject if about is not None else result.inspected


def files(result: Result) -> tuple[tuple[str, str], ...]:
    """Name and SHA-256 of the models that the result judges, the delivered one first."""
    repaired = result.repaired.subject if result.repaired is not None else None
    judged = {"": subject(result), " (repaired)": repaired}
    return tuple(
        (f"{item.artifact.name}{role}", item.artifact.sha256)
        for role, item in judged.items()
        if item is not None
    )


def data(result: Result) -> tuple[Data, ...]:
    """Everything besides the models, in the order of its use."""
    return tuple(_data(result))


def _data(result: Result) -> Iterator[Data]:
    cleaning, evaluation = result.cleaning, result.evaluation
    if cleaning is not None:
        yield from (_pairs(item, "trained on") for item in cleaning.trained_on)
        yield from (_pairs(item, "held out") for item in cleaning.held_out)
        for name, digest in cleaning.proof.digests.items() if cleaning.proof else ():
            yield Data(name, "measured on before and after the repair", digest)
    if evaluation is not None:
        used = f"{number(evaluation.pairs)} pairs, {number(evaluation.pictures)} pictures"
        yield Data(evaluation.data, f"{used}, measured on", evaluation.data_sha256)
    if result.drill is not None:
        yield Data(result.drill.data, "fine-tuned and judged on")


def _pairs(item: PairRecord, used: str) -> Data:
    skipped = f"; {number(item.skipped)} could not be used" if item.skipped else ""
    return Data(item.id, f"{number(item.pairs)} pairs {used}{skipped}", unused=item.first_skipped)
