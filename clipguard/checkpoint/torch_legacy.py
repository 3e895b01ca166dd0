"""The format of torch.save before 1.6: five stacked pickles, then raw storages."""

from __future__ import annotations

from clipguard.checkpoint import findings
from clipguard.checkpoint.archive import find_end
from clipguard.checkpoint.contents import Contents, Judgement, opaque_note
from clipguard.checkpoint.machine import Walk, walk
from clipguard.checkpoint.names import Kind, names
from clipguard.checkpoint.opcodes import Buffer
from clipguard.checkpoint.sniff import not_a_model
from clipguard.checkpoint.source import Source
from clipguard.checkpoint.state import state_dict, stored
from clipguard.checkpoint.tensors import item_size
from clipguard.checkpoint.torch_values import Memory
from clipguard.checkpoint.torch_zip import walk_hidden_zip
from clipguard.checkpoint.values import Storage, mapping
from clipguard.core.errors import InputError, RefusedError

_PROTOCOL = 0x80
_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLES = 5
_MOST_PICKLES = 32


def read_pickles(source: Source) -> Contents:
    """Read a file that starts with a pickle.

    Raises:
        HostileFile: one of the pickles would run code.
        ClipguardError: it is no checkpoint, is damaged, or contradicts itself.
    """
    judgement = Judgement(source)
    if find_end(source.data) >= 0:
        walk_hidden_zip(source, judgement)
    first = walk(source.data, member="pickle 1", where=source.where)
    if not (first.complete or source.data[0] == _PROTOCOL or _is_listed(first)):
        judgement.problems.append(not_a_model(source))
    judgement.add(first)
    if first.value != _MAGIC or first.problem:
        _walk_rest(source.data, first.end, source.where, judgement)
        judgement.problems.append(_no_checkpoint(source))
        judgement.decide()
    walks = _stacked(source, first, judgement)
    judgement.decide()
    _check_byte_order(walks[2].value, source)
    regions = _regions(walks, source)
    values, path = state_dict(walks[3].value, source.where)
    evidence = ("five stacked pickles, as torch wrote before version 1.6",)
    return Contents(
        sources=(source,),
        format="torch-legacy",
        where=source.where,
        tensors=stored(values, Memory(source, regions)),
        evidence=(*evidence, f"weights under {path}") if path else evidence,
        notes=opaque_note(walks),
    )


def _walk_rest(data: Buffer, offset: int, where: str, judgement: Judgement) -> None:
    """Behind the first pickle: another one is where an attack hides from simple scanners."""
    before = len(judgement.findings)
    for number in range(2, _MOST_PICKLES):
        if offset >= len(data):
            return
        result = walk(data, offset, member=f"pickle {number}", where=where)
        judgement.suspect(result)
        if len(judgement.findings) > before:
            judgement.findings.append(findings.trailing(f"pickle {number}", offset))
            return
        if not result.complete:
            return
        offset = result.end


def _stacked(source: Source, first: Walk, judgement: Judgement) -> list[Walk]:
    walks = [first]
    while len(walks) < _PICKLES and walks[-1].problem is None:
        label = f"pickle {len(walks) + 1}"
        walks.append(walk(source.data, walks[-1].end, member=label, where=source.where))
        judgement.add(walks[-1])
    return walks


def _check_byte_order(information: object, source: Source) -> None:
    table = mapping(information) or {}
    if table.get("little_endian") is not True:
        raise RefusedError(
            "format.byteorder",
            "the weights are not stored little-endian",
            where=source.where,
            remedy="re-save the model on a little-endian machine",
        )


def _regions(walks: list[Walk], source: Source) -> dict[str, tuple[int, int]]:
    """Each storage is an eight-byte count of its elements, then the elements."""
    keys, known, place = walks[4].value, walks[3].storages, walks[4].end
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(known):
        raise RefusedError(
            "format.legacy",
            "the list of storages contradicts the tensors",
            where=source.where,
            remedy=findings.RESAVE,
        )
    regions: dict[str, tuple[int, int]] = {}
    for key in keys:
        size = _bytes(known[key])
        declared = int.from_bytes(source.data[place : place + 8], "little")
        if place + 8 + size > source.size or declared != known[key].count:
            raise _truncated(source, place + 8 + size)
        regions[key] = (place + 8, size)
        place += 8 + size
    if place != source.size:
        raise RefusedError(
            "file.trailing_data",
            f"{source.size - place} bytes follow the last storage",
            where=source.where,
            remedy=findings.RESAVE,
        )
    return regions


def _bytes(storage: Storage) -> int:
    return storage.count * (1 if storage.dtype == "untyped" else item_size(storage.dtype))


def _truncated(source: Source, wanted: int) -> InputError:
    return InputError(
        "file.truncated",
        f"expected at least {wanted} bytes, got {source.size}",
        where=source.where,
        remedy="download the file again",
    )


def _is_listed(result: Walk) -> bool:
    """Whether a name was met that pickles hold and other text does not."""
    return any(names().kind(name) is not Kind.UNLISTED for name in result.globals)


def _no_checkpoint(source: Source) -> InputError:
    return InputError(
        "file.not_a_model",
        "this is a bare pickle, not a checkpoint",
        where=source.where,
        remedy="save the weights with torch.save(model.state_dict(), FILE) or as safetensors",
    )
