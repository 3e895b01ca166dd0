"""From a file to a model that can be probed: choose what the shapes left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.types import Candidate, Checkpoint
from clipguard.core.progress import Progress
from clipguard.core.results import Check, CheckState, Note, Subject
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter
from clipguard.model.openclip import OpenClipModel, build_model
from clipguard.pipeline.pictures import exams
from clipguard.probes.validity import agreement, finite


@dataclass(frozen=True)
class Loaded:
    """A model, what is known about its file, and the checks made while choosing its shape."""

    model: OpenClipModel
    subject: Subject
    checks: tuple[Check, ...]


def load(
    path: str, arch: str | None, *, device: str, seeds: Seeds, meter: Meter, progress: Progress
) -> Loaded:
    """Read a checkpoint and build its model; among candidates the best agreeing one wins.

    Args:
        path: checkpoint file or folder.
        arch: architecture name or configuration file; None: recognise it.
        device: torch device.
        seeds: for the pictures that the candidates are tried on.
        meter: counts the forward passes.
        progress: where to report.

    Raises:
        ClipguardError: the file cannot be read, or is no CLIP model.
    """
    progress.say(f"reading {path}")
    checkpoint = open_checkpoint(path, arch=arch)
    tried: list[tuple[float, Check]] = []
    for candidate in checkpoint.candidates:
        model = build_model(checkpoint, candidate, device=device)
        check, gain = agreement(model, exams(model.spec.image_size, seeds), seeds, meter, progress)
        tried.append((gain, check))
        if len(checkpoint.candidates) > 1:
            del model  # two candidates at once would hold the weights twice
    best = max(range(len(tried)), key=lambda index: (tried[index][0], -index))
    if len(tried) > 1:
        model = build_model(checkpoint, checkpoint.candidates[best], device=device)
    notes = _choice(checkpoint.candidates, [gain for gain, _ in tried], best)
    checks = (finite(model.state()), tried[best][1])
    return Loaded(model, _subject(checkpoint, model, notes), checks)


def examine(
    model: OpenClipModel, seeds: Seeds, meter: Meter, progress: Progress
) -> tuple[Check, ...]:
    """The checks of :func:`load` for a model that is already built."""
    pictures = exams(model.spec.image_size, seeds)
    return finite(model.state()), agreement(model, pictures, seeds, meter, progress)[0]


def _choice(candidates: Sequence[Candidate], gains: Sequence[float], best: int) -> tuple[Note, ...]:
    if len(candidates) == 1:
        return ()
    others = [gain for index, gain in enumerate(gains) if index != best]
    names = ", ".join(
        f"{item.name} {gain:.4f}" for item, gain in zip(candidates, gains, strict=True)
    )
    return (
        Note(
            code="arch.chosen_by_trial",
            text=(
                f"shapes leave {len(candidates)} candidates; {candidates[best].name} agrees best "
                f"with pairs, by a margin of {gains[best] - max(others):.4f} (reciprocal ranks: "
                f"{names}); give --arch to decide it yourself"
            ),
        ),
    )


def _subject(checkpoint: Checkpoint, model: OpenClipModel, notes: tuple[Note, ...]) -> Subject:
    return Subject(
        artifact=checkpoint.artifact,
        format=checkpoint.format,
        layout=checkpoint.layout,
        architecture=model.spec.architecture,
        image_size=model.spec.image_size,
        embed_dim=model.spec.embed_dim,
        context_length=model.spec.context_length,
        parameters=sum(parameter.numel() for _, parameter in model.named_parameters()),
        dtype=checkpoint.dtype,
        evidence=checkpoint.evidence,
        notes=(*checkpoint.notes, *notes),
        findings=checkpoint.findings,
    )


def passed(checks: Sequence[Check]) -> bool:
    """Whether no check failed."""
    return all(check.state is not CheckState.FAILED for check in checks)
