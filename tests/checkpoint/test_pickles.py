"""Pickles that attack, hide, or merely do what no checkpoint does. None is ever executed."""

from __future__ import annotations

import io
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from statistics import mean
from types import SimpleNamespace

import pytest
import torch
from opening import error_of
from torch import nn

from clipguard.checkpoint import HostileFile
from clipguard.checkpoint.machine import walk
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.exits import Exit
from clipguard.core.results import Severity

COMMAND = b"(S'touch CANARY'\n"
DANGEROUS = {
    "REDUCE": b"cos\nsystem\n" + COMMAND + b"tR.",
    "INST": COMMAND + b"ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch CANARY'\no.",
    "NEWOBJ": b"\x80\x02cos\nsystem\n" + COMMAND + b"t\x81.",
    "NEWOBJ_EX": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + COMMAND + b"t}\x92.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch CANARY\x85R.",
    "memoised names": b"\x80\x04\x8c\x06system\x94\x8c\x02os\x940h\x01h\x00\x93)R.",
    "Python 2 name": b"c__builtin__\neval\n(S'1'\ntR.",
    "Python 2 module": b"ccommands\ngetoutput\n(S'touch CANARY'\ntR.",
    "attribute path": b"\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93)R.",
    "inside harmless": b"\x80\x02]q\x00cbuiltins\nexec\n(X\x01\x00\x00\x001tRa.",
    "named, not called": b"\x80\x02cposix\nsystem\n.",
    "torch's own helper": b"\x80\x02ctorch.utils.collect_env\nrun\n(X\x02\x00\x00\x00lstR.",
    "nested load": b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x0dcos\nsystem\n).\x85R.",
    "beneath a harmless module": b"\x80\x04\x8c\x02os\x8c\x0apath.posix\x93.",
    "trailing text": b"cos\nsystem\n(S'touch CANARY'\ntR.and more text",
    "evil persistent id": b"(cos\nsystem\nS'x'\noQ.",
}


def archive(path: Path, data: bytes, **members: bytes) -> Path:
    """A zip as torch writes it, around any pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", data)
        for name, content in members.items():
            file.writestr(f"m/{name}", content)
        file.writestr("m/version", b"3\n")
    return path


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "zip"])
@pytest.mark.parametrize("data", DANGEROUS.values(), ids=DANGEROUS)
def test_dangerous_callables_are_findings(data: bytes, wrapped: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    if wrapped:
        archive(path, data)
    else:
        path.write_bytes(data)
    error = error_of(path)
    assert isinstance(error, HostileFile)
    assert error.exit is Exit.FINDING
    assert {finding.rule for finding in error.findings} == {"file.pickle_exec"}
    assert error.findings[0].severity is Severity.CRITICAL
    assert "safetensors" in error.remedy
    assert "byte" in error.what
    assert error.artifact.size_bytes == path.stat().st_size


def test_attack_through_torch_save_and_real_reduce(
    vit: nn.Module, evil: object, tmp_path: Path
) -> None:
    torch.save({"state_dict": vit.state_dict(), "args": evil}, tmp_path / "m.pt")
    assert "system" in error_of(tmp_path / "m.pt").what


@pytest.mark.parametrize("protocol", range(6))
def test_attack_in_every_protocol(protocol: int, evil: object, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(pickle.dumps({"a": [evil]}, protocol=protocol))
    assert isinstance(error_of(tmp_path / "m.pt"), HostileFile)


def test_legacy_twin_with_an_attack(vit: nn.Module, evil: object, tmp_path: Path) -> None:
    content = {"state_dict": vit.state_dict(), "hook": evil}
    torch.save(content, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    error = error_of(tmp_path / "m.pt")
    assert isinstance(error, HostileFile)
    assert error.findings[0].where.startswith("pickle 4")


def test_second_pickle_behind_the_first(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(pickle.dumps({"a": 1}) + DANGEROUS["REDUCE"])
    error = error_of(tmp_path / "m.pt")
    assert isinstance(error, HostileFile)
    assert {f.rule for f in error.findings} == {"file.pickle_exec", "file.trailing_data"}


def test_second_pickle_in_a_member(tmp_path: Path) -> None:
    error = error_of(archive(tmp_path / "m.pt", pickle.dumps({}) + DANGEROUS["REDUCE"]))
    assert isinstance(error, HostileFile)
    assert {f.rule for f in error.findings} == {"file.pickle_exec", "file.trailing_data"}


@pytest.mark.parametrize(
    "name", [b"K\x01\x8c\x06system", b"\x8c\x02os]", b"NN", b"C\x02os\x8c\x01x"]
)
def test_names_that_are_no_text_are_findings(name: bytes, tmp_path: Path) -> None:
    error = error_of(archive(tmp_path / "m.pt", b"\x80\x04" + name + b"\x93)R."))
    assert isinstance(error, HostileFile)
    assert error.findings[0].rule == "file.pickle_obfuscated"
    assert error.findings[0].severity is Severity.HIGH


UNLISTED = {
    "harmless": (b"\x80\x02cstatistics\nmean\n(]K\x01atR.", "pickle.unlisted_global"),
    "getattr": (b"\x80\x02cbuiltins\ngetattr\n.", "pickle.unlisted_global"),
    "attribute of a listed module": (
        b"\x80\x04\x8c\x05numpy\x8c\x1cdtypes.__loader__.get_source\x93)R.",
        "pickle.unlisted_global",
    ),
    "attribute of a listed class": (
        b"\x80\x04\x8c\x0bcollections\x8c\x1aOrderedDict.fromkeys.x.y.z\x93.",
        "pickle.unlisted_global",
    ),
    "TorchScript class": (b"\x80\x02c__torch__\nM\n)\x81.", "pickle.unlisted_global"),
    "extension": (b"\x80\x02\x82\x01)R.", "pickle.extension"),
    "call of a call": (b"\x80\x02cbuiltins\ndict\n)R)R.", "pickle.unexpected_call"),
    "call of a type": (b"\x80\x02ctorch\nFloatStorage\n)R.", "pickle.unexpected_call"),
    "call without arguments": (b"\x80\x02cbuiltins\nint\nK\x01R.", "pickle.unexpected_call"),
    "class swap": (
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00__class__K\x01sb.",
        "pickle.unexpected_build",
    ),
    "attributes of a dict": (b"\x80\x02}}b.", "pickle.unexpected_build"),
    "attributes of a number": (b"\x80\x02K\x01}b.", "pickle.unexpected_build"),
    "persistent id": (b"\x80\x02X\x01\x00\x00\x00xQ.", "pickle.persistent_id"),
    "textual persistent id": (b"Pstorage\n.", "pickle.persistent_id"),
    "bad opcode": (b"\x80\x02\xff.", "pickle.bad_opcode"),
    "empty stack": (b"\x80\x02R.", "pickle.malformed"),
    "no mark": (b"\x80\x02t.", "pickle.malformed"),
    "empty memo": (b"\x80\x02h\x07.", "pickle.malformed"),
    "out of band": (b"\x80\x05\x97.", "pickle.malformed"),
    "odd items": (b"\x80\x02}(K\x01u.", "pickle.malformed"),
    "items of a number": (b"\x80\x02K\x01K\x01K\x01s.", "pickle.malformed"),
    "no number": (b"Ix\n.", "pickle.malformed"),
    "no text": (b"\x80\x02X\x01\x00\x00\x00\xff.", "pickle.malformed"),
}


@pytest.mark.parametrize(("data", "code"), UNLISTED.values(), ids=UNLISTED)
def test_what_no_checkpoint_does_is_refused(data: bytes, code: str, tmp_path: Path) -> None:
    error = error_of(archive(tmp_path / "m.pt", data))
    assert isinstance(error, RefusedError)
    assert error.code == code
    assert error.remedy


def test_truncated_pickle(tmp_path: Path) -> None:
    error = error_of(archive(tmp_path / "m.pt", b"\x80\x02X\x09\x00\x00\x00abc"))
    assert isinstance(error, InputError)
    assert error.code == "file.truncated"


def test_whole_module_is_refused_by_its_class(vit: nn.Module, tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "m.pt")
    error = error_of(tmp_path / "m.pt")
    assert error.code == "pickle.unlisted_global"
    assert "torch.nn.modules.linear.Linear" in error.what
    assert "state_dict" in error.remedy


def test_bare_pickle_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": [1.5, None, b"x", {1}, (True, 2**70)]}))
    assert error_of(tmp_path / "m.pkl").code == "file.not_a_model"


def bomb_doubling() -> bytes:
    data = b"\x80\x02]q\x00"
    for level in range(60):
        data += (
            b"]" + b"q" + bytes([level + 1]) + b"(h" + bytes([level]) + b"h" + bytes([level]) + b"e"
        )
    return data + b"."


BOMBS = {
    "memo doubling": bomb_doubling(),
    "nested lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "deep tuples": b"\x80\x02)" + b"\x85" * 5_000 + b".",
    "BINUNICODE8 of 2^40": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"abc",
    "BINBYTES8 of 2^63": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 63) + b"abc",
    "LONG4": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"\x01",
    "negative LONG4": b"\x80\x02\x8b" + struct.pack("<i", -5) + b"\x01",
    "endless line": b"c" + b"a" * 200_000,
    "10^7 operations": b"\x80\x02" + b"N0" * 5_000_000 + b"N.",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_bombs_hit_a_limit_at_once(data: bytes, tmp_path: Path) -> None:
    path = archive(tmp_path / "m.pt", data)
    start = time.process_time()
    error = error_of(path)
    assert time.process_time() - start < 15
    assert error.code == "pickle.limits"
    assert isinstance(error, RefusedError)


def test_a_flood_of_findings_is_cut(tmp_path: Path) -> None:
    flood = b"".join(b"cos\nf%d\n0" % number for number in range(5_000))
    error = error_of(archive(tmp_path / "m.pt", flood + b"N."))
    assert isinstance(error, HostileFile)
    assert len(error.findings) == 100


def test_the_same_name_is_found_once(tmp_path: Path) -> None:
    error = error_of(archive(tmp_path / "m.pt", b"cos\nsystem\n0" * 50 + b"N."))
    assert isinstance(error, HostileFile)
    assert len(error.findings) == 1


def test_work_is_limited_over_all_members(tmp_path: Path) -> None:
    busy = b"\x80\x02" + b"N0" * 200_000 + b"N."
    path = archive(tmp_path / "m.pt", b"\x80\x02}.", **{f"{n}.pkl": busy for n in range(20)})
    start = time.process_time()
    error = error_of(path)
    assert time.process_time() - start < 30
    assert "in all" in error.what or error.code == "pickle.limits"


def test_honest_values_come_back_as_data() -> None:
    value = {
        "numbers": [0, 255, 65535, -1, 2**31, 2**80, -(2**80), 1.5, True, None],
        "texts": ("ä", "", "x" * 300, b"bytes", "line\nbreak"),
        "ordered": OrderedDict(a=1),
        "namespace": SimpleNamespace(a=1),
        "set": {1, 2},
        "frozen": frozenset({3}),
        "shared": [mean] * 0,
    }
    for protocol in range(6):
        result = walk(pickle.dumps(value, protocol=protocol), member="m", where="f")
        assert result.problem is None, f"protocol {protocol}: {result.problem}"
        assert not result.findings
        items = dict(result.value.pairs)
        assert items["numbers"] == value["numbers"]
        if protocol >= 3:
            assert items["texts"] == value["texts"]


def test_cycles_are_walked_once() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert walk(pickle.dumps(loop), member="m", where="f").problem is None


def test_every_opcode_of_the_standard_library_is_known() -> None:
    import pickletools

    from clipguard.checkpoint.opcodes import can_start
    from clipguard.checkpoint.operations import HANDLERS

    known = {ord(opcode.code) for opcode in pickletools.opcodes}
    assert {byte for byte in range(256) if can_start(byte)} == known
    assert len(known) == 68
    assert len(HANDLERS) > 40


def test_real_pickles_of_torch_agree_with_the_standard_disassembler(vit: nn.Module) -> None:
    """Same end, same names: the machine reads what pickletools reads."""
    import pickletools

    file = io.BytesIO()
    torch.save({"s": vit.state_dict(), "n": SimpleNamespace(x=torch.float16)}, file)
    with zipfile.ZipFile(file) as zipped:
        data = zipped.read(next(n for n in zipped.namelist() if n.endswith("data.pkl")))
    result = walk(data, member="m", where="f")
    operations = list(pickletools.genops(data))
    assert result.end == operations[-1][2] + 1
    named = {str(a).replace(" ", ".") for op, a, _ in operations if op.name == "GLOBAL"}
    assert set(result.globals) == named
