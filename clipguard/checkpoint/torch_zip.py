"""Checkpoints of torch.save and TorchScript archives: a zip of one pickle and raw storages."""

from __future__ import annotations

import re
import zlib

from clipguard.checkpoint import findings
from clipguard.checkpoint.archive import (
    STORED,
    UNCOMPUTED,
    Archive,
    Member,
    content,
    read_archive,
)
from clipguard.checkpoint.contents import Contents, Judgement, opaque_note, walk_all
from clipguard.checkpoint.machine import Walk, walk
from clipguard.checkpoint.opcodes import can_start
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.state import module_tensors, state_dict, stored
from clipguard.checkpoint.torch_values import Memory
from clipguard.core.errors import ClipguardError, InputError, RefusedError
from clipguard.core.results import Finding, Note
from clipguard.core.text import printable

_BOOKKEEPING = frozenset(
    {"byteorder", "version", ".format_version", ".storage_alignment", ".data/serialization_id"}
)
# How the code of TorchScript computes GELU and QuickGELU; nothing else in CLIP takes a sigmoid.
_ACTIVATIONS = ((b"torch.gelu(", False), (b"torch.sigmoid(", True))
_MAIN = re.compile(r"[^/]+/data\.pkl")
_MOST_INFLATED = 256 << 20
_CODE_READ = 4 << 20


def read_torch_zip(source: Source) -> Contents:
    """Read a zip checkpoint without building anything that it describes.

    Raises:
        HostileFile: a pickle in any member would run code.
        ClipguardError: the archive contradicts itself, is damaged, or is no checkpoint.
    """
    archive, judgement = read_archive(source.data, source.where), Judgement(source)
    top = _top(archive)
    _refuse_compressed(archive, f"{top}data/")
    script = any(m.name.startswith((f"{top}code/", f"{top}constants.pkl")) for m in archive.members)
    judgement.problems += archive.problems
    walk_all(source.data[archive.end :], "behind the archive", source.where, judgement)
    walks = _walk_members(source, archive, judgement, script)
    if f"{top}data.pkl" not in walks:
        judgement.problems.append(_no_checkpoint(source))
    judgement.decide()
    _check_byte_order(source, archive, top)
    value = walks[f"{top}data.pkl"].value
    memory = Memory(source, _regions(archive, f"{top}data/"))
    names, path = (module_tensors(value, source.where), "") if script else state_dict(
        value, source.where
    )  # fmt: skip
    strays = _unreferenced(archive, walks, top)
    return Contents(
        sources=(source,),
        format="torchscript" if script else "torch-zip",
        where=source.where,
        tensors=stored(names, memory),
        evidence=_evidence(script, path),
        notes=(*opaque_note(walks.values()), *_code_note(script)),
        findings=strays,
        quick_gelu=_activation(source, archive, top),
    )


def _top(archive: Archive) -> str:
    """The one folder that holds everything; readers of archives with several would disagree."""
    tops = {member.name.split("/")[0] for member in archive.members}
    main = next((m.name for m in archive.members if _MAIN.fullmatch(m.name)), None)
    if main and len(tops) > 1:
        archive.refuse("zip.layout", f"{len(tops)} top folders instead of one", findings.RESAVE)
    return main.removesuffix("data.pkl") if main else ""


def _refuse_compressed(archive: Archive, prefix: str) -> None:
    """Weights are mapped, not inflated."""
    for member in archive.members:
        if member.name.startswith(prefix) and member.method != STORED:
            what = f"the weights in {printable(member.name)} are compressed"
            archive.refuse("zip.compressed_storage", what, findings.RESAVE)
            return


def walk_hidden_zip(source: Source, judgement: Judgement) -> None:
    """Look into an archive at the end of a file that starts as something else."""
    try:
        archive = read_archive(source.data, source.where)
    except ClipguardError:
        return
    judgement.problems += archive.problems
    _walk_members(source, archive, judgement, script=False)


def _evidence(script: bool, path: str) -> tuple[str, ...]:
    kind = "zip archive with TorchScript code" if script else "zip archive written by torch.save"
    return (kind, f"weights under {printable(path)}") if path else (kind,)


def _code_note(script: bool) -> tuple[Note, ...]:
    text = "the archive carries TorchScript code; only its tensors were read"
    return (Note(code="torchscript.code_present", text=text),) if script else ()


def _walk_members(
    source: Source, archive: Archive, judgement: Judgement, script: bool
) -> dict[str, Walk]:
    """Walk every pickle: those that must be ones by name, and whatever else could be one."""
    walks: dict[str, Walk] = {}
    if _is_bomb(archive):
        archive.refuse("zip.bomb", "members overlap or inflate to too much", findings.RESAVE)
        judgement.problems += archive.problems[-1:]
        return walks
    for member in archive.members:
        if judgement.is_exhausted:
            break
        _walk_member(source, member, judgement, walks, script=script)
    return walks


def _walk_member(
    source: Source, member: Member, judgement: Judgement, walks: dict[str, Walk], *, script: bool
) -> None:
    try:
        data = content(source.data, member, source.where)
        _check_sum(source, member, data, judgement)
        if member.name.endswith((".pkl", ".debug_pkl")):
            walks[member.name] = _strict(source, member, data, judgement, script)
        else:
            _suspect(source, member, data, judgement)
    except ClipguardError as error:
        judgement.problems.append(error)


def _check_sum(
    source: Source, member: Member, data: bytes | memoryview, judgement: Judgement
) -> None:
    """Damaged weights look like weights: nothing else would tell them from whole ones."""
    stored = member.method == STORED
    found = source.crc32(member.start, member.end) if stored else zlib.crc32(data)
    if member.crc in (found, UNCOMPUTED):
        return
    judgement.problems.append(
        RefusedError(
            "zip.crc",
            f"member {printable(member.name)} does not match its checksum",
            where=source.where,
            remedy="download the file again",
        )
    )


def _is_bomb(archive: Archive) -> bool:
    """Whether looking at every member could cost far more than the file's size suggests."""
    overlap = any(problem.code == "zip.overlap" for problem in archive.problems)
    return overlap or sum(m.size for m in archive.members if m.method != STORED) > _MOST_INFLATED


def _strict(
    source: Source, member: Member, data: bytes | memoryview, judgement: Judgement, script: bool
) -> Walk:
    result = walk(data, member=member.name, where=source.where, torchscript=script)
    judgement.add(result)
    if result.problem is None and result.end < len(data):
        _follow(source, member, data, result.end, judgement)
    return result


def _follow(
    source: Source, member: Member, data: bytes | memoryview, offset: int, judgement: Judgement
) -> None:
    """Behind the first pickle of a member nothing may follow."""
    second = walk(data, offset, member=member.name, where=source.where)
    judgement.suspect(second)
    if second.findings:
        judgement.findings.append(findings.trailing(member.name, offset))
    what = f"bytes follow the pickle in {printable(member.name)}"
    judgement.problems.append(
        RefusedError("pickle.trailing", what, where=source.where, remedy=findings.RESAVE)
    )


def _suspect(
    source: Source, member: Member, data: bytes | memoryview, judgement: Judgement
) -> None:
    """Raw numbers may look like a pickle for some bytes: only a dangerous name counts."""
    if len(data) and can_start(data[0]):
        result = walk(data, member=member.name, where=source.where)
        result.findings = [item for item in result.findings if item.rule == "file.pickle_exec"]
        judgement.suspect(result)


def _regions(archive: Archive, prefix: str) -> dict[str, tuple[int, int]]:
    return {
        member.name.removeprefix(prefix): (member.start, member.stored)
        for member in archive.members
        if member.name.startswith(prefix)
    }


def _check_byte_order(source: Source, archive: Archive, top: str) -> None:
    for member in archive.members:
        if member.name == f"{top}byteorder":
            order = bytes(content(source.data, member, source.where)[:16])
            if order != b"little":
                raise RefusedError(
                    "format.byteorder",
                    f"the weights are stored {printable(order.decode('latin-1'))}-endian",
                    where=source.where,
                    remedy="re-save the model on a little-endian machine",
                )


def _unreferenced(archive: Archive, walks: dict[str, Walk], top: str) -> tuple[Finding, ...]:
    known = {f"{top}{name}" for name in _BOOKKEEPING} | set(walks)
    for name, result in walks.items():
        known |= {f"{name.removesuffix('.pkl')}/{key}" for key in result.storages}
    harmless = (f"{top}code/", f"{top}extra/")
    return tuple(
        findings.unreferenced(member.name)
        for member in archive.members
        if member.name not in known and not member.name.startswith(harmless)
    )


def _activation(source: Source, archive: Archive, top: str) -> bool | None:
    """Whether TorchScript's source code, read as text, uses QuickGELU; None: it does not tell."""
    for member in archive.members:
        if member.name.startswith(f"{top}code/") and member.name.endswith(".py"):
            code = bytes(content(source.data, member, source.where)[:_CODE_READ])
            for mark, quick in _ACTIVATIONS:
                if mark in code:
                    return quick
    return None


def _no_checkpoint(source: Source) -> InputError | RefusedError:
    return RefusedError(
        "format.archive",
        "a zip archive that is no checkpoint",
        where=source.where,
        remedy="unpack it and give the model file inside",
    )
