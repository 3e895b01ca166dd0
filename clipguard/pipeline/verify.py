"""Verify: is an output folder what was written, and do its files say the same?

Each check needs the one before: files that differ are not opened any further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipguard.export import attested, sums
from clipguard.export.attestation import FILE
from clipguard.model.pair import CONVENTIONS, FORMS, Convention, Form, file_names

WEIGHTS = ("open_clip_model.safetensors", "model.safetensors")


@dataclass(frozen=True)
class Fault:
    """One file that is not what it should be, and in which way."""

    file: str
    what: str


@dataclass(frozen=True)
class Finding:
    """How one check ended. ``skipped`` says that there was nothing to check, or no reason to."""

    check: Literal["digests", "attestation", "parity"]
    state: Literal["passed", "failed", "skipped"]
    text: str
    faults: tuple[Fault, ...] = ()


def verify(folder: Path, *, parity: bool = True) -> tuple[Finding, ...]:
    """Compare digests, the attestation, and ONNX pairs with the weights beside them.

    Args:
        folder: an output folder of audit, clean or export.
        parity: run the pairs and the weights; without it neither torch nor onnxruntime is needed.

    Raises:
        ClipguardError: the list of digests or a file with the right digest cannot be used.
    """
    found: list[Finding] = []
    steps: tuple[Callable[[Path], Finding], ...] = (_digests, _attestation, _parity)
    for step in steps[: 3 if parity else 2]:
        found.append(step(folder))
        if found[-1].state == "failed":
            break
    return tuple(found)


def _digests(folder: Path) -> Finding:
    count, differences = sums.compare(folder)
    faults = tuple(Fault(item.name, item.state) for item in differences)
    if faults:
        return Finding("digests", "failed", "files are not as they were written", faults)
    return Finding("digests", "passed", f"{count} files are as they were written")


def _attestation(folder: Path) -> Finding:
    compared = attested.compare(folder)
    if compared is None:
        return Finding("attestation", "skipped", "there is no attestation")
    count, names = compared
    faults = tuple(Fault(name, f"is not what {FILE} attests") for name in names)
    if faults:
        return Finding("attestation", "failed", "files are not those attested", faults)
    return Finding("attestation", "passed", f"{count} files are those attested")


def _parity(folder: Path) -> Finding:
    weights = next((name for name in WEIGHTS if (folder / name).is_file()), None)
    pairs = [
        (convention, form)
        for convention in dict.fromkeys(CONVENTIONS.values())
        for form in FORMS
        if all((folder / name).is_file() for name in file_names(form, convention))
    ]
    if weights is None or not pairs:
        return Finding("parity", "skipped", "there are no weights beside an ONNX pair")
    compared = list(_compared(folder, pairs))
    faults = tuple(
        Fault(name, f"disagrees with {weights}: {told}")
        for name, told, good in compared
        if not good
    )
    if faults:
        return Finding("parity", "failed", "towers disagree with the weights", faults)
    text = "; ".join(f"{name} {told}" for name, told, _ in compared)
    return Finding("parity", "passed", f"onnxruntime agrees with {weights}: {text}")


def _compared(
    folder: Path, pairs: Sequence[tuple[Convention, Form]]
) -> Iterator[tuple[str, str, bool]]:
    """Name, agreement in words, and whether it holds, of both towers of every pair."""
    from clipguard.checkpoint import open_checkpoint
    from clipguard.export.parity import compare_pair
    from clipguard.model.onnx import OnnxClip
    from clipguard.model.openclip import build_model

    model = build_model(open_checkpoint(str(folder)))
    for convention, form in pairs:
        parities = compare_pair(model, OnnxClip(folder, form, convention))
        for name, parity in zip(file_names(form, convention), parities, strict=True):
            yield name, str(parity), parity.holds(form)
