"""Archives that contradict themselves, hide something, or are none of ours."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from opening import error_of
from torch import nn

from clipguard.checkpoint import HostileFile, open_checkpoint
from clipguard.core.errors import InputError, RefusedError

Entries = Callable[[bytes], list[tuple[int, str]]]


def code_of(data: bytes, path: Path) -> str:
    path.write_bytes(data)
    return error_of(path).code


def rezip(
    source: Path, target: Path, change: Callable[[str, bytes], bytes], **extra: bytes
) -> Path:
    """The same archive with other contents; ``extra`` members go below the top folder."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            new.writestr(item.filename, change(item.filename, old.read(item)))
        for name, data in extra.items():
            new.writestr(f"model/{name}", data)
    return target


def keep(name: str, data: bytes) -> bytes:
    return data


def test_rezipped_checkpoint_is_still_one(state_file: Path, tmp_path: Path) -> None:
    assert open_checkpoint(rezip(state_file, tmp_path / "b.pt", keep)).format == "torch-zip"


@pytest.mark.parametrize("where", ["local", "central", "both"])
def test_claims_of_encryption(where: str, state_file: Path, entries: Entries) -> None:
    data = bytearray(state_file.read_bytes())
    place, _ = entries(bytes(data))[0]
    (header,) = struct.unpack_from("<L", data, place + 42)
    if where != "local":
        data[place + 8] |= 1
    if where != "central":
        data[header + 6] |= 1
    assert code_of(bytes(data), state_file) == "zip.flags"


@pytest.mark.parametrize("member", ["data.pkl", "data/7"])
def test_wrong_checksum(member: str, state_file: Path, entries: Entries) -> None:
    data = bytearray(state_file.read_bytes())
    place = next(place for place, name in entries(bytes(data)) if name.endswith(member))
    data[place + 16 : place + 20] = b"\x01\x02\x03\x04"
    assert code_of(bytes(data), state_file) == "zip.crc"


def test_one_flipped_bit_in_the_weights(state_file: Path) -> None:
    data = bytearray(state_file.read_bytes())
    with zipfile.ZipFile(state_file) as file:
        member = max(file.infolist(), key=lambda item: item.file_size)
    data[member.header_offset + 2000] ^= 1
    assert code_of(bytes(data), state_file) == "zip.crc"


def test_wrong_checksum_does_not_hide_an_attack(
    evil_pickle: bytes, tmp_path: Path, entries: Entries
) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
        file.writestr("m/data.pkl", evil_pickle)
    data = bytearray((tmp_path / "m.pt").read_bytes())
    place, _ = entries(bytes(data))[0]
    data[place + 16 : place + 20] = b"\x01\x02\x03\x04"
    (tmp_path / "m.pt").write_bytes(data)
    assert isinstance(error_of(tmp_path / "m.pt"), HostileFile)


def test_checksums_that_torch_was_told_not_to_write(vit: nn.Module, tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(vit.state_dict(), tmp_path / "m.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert open_checkpoint(tmp_path / "m.pt").format == "torch-zip"


@pytest.mark.parametrize("offset", [30, 8])
def test_local_header_tells_another_story(offset: int, state_file: Path, entries: Entries) -> None:
    data = bytearray(state_file.read_bytes())
    (header,) = struct.unpack_from("<L", data, entries(bytes(data))[0][0] + 42)
    data[header + offset] ^= 8
    assert code_of(bytes(data), state_file) == "zip.header_mismatch"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("evil_first", [False, True])
def test_duplicate_members_are_all_walked(
    evil_first: bool, state_file: Path, evil_pickle: bytes, tmp_path: Path
) -> None:
    with zipfile.ZipFile(state_file) as old:
        good = old.read("model/data.pkl")
    for pair, kind in (([good, good], RefusedError), ([good, evil_pickle], HostileFile)):
        path = tmp_path / f"{kind.__name__}.pt"
        with zipfile.ZipFile(path, "w") as new:
            for data in reversed(pair) if evil_first else pair:
                new.writestr("model/data.pkl", data)
        error = error_of(path)
        assert isinstance(error, kind)
        assert error.code in ("zip.duplicate_member", "file.pickle_exec")


@pytest.mark.parametrize(
    "name", ["data/9", "data/99", "x.py", "noextension", "deep/er/x", "a.json"]
)
def test_attack_in_an_unexpected_member(
    name: str, state_file: Path, evil_pickle: bytes, tmp_path: Path
) -> None:
    error = error_of(rezip(state_file, tmp_path / "e.pt", keep, **{name + "_": evil_pickle}))
    assert isinstance(error, HostileFile)
    assert name in error.findings[0].where


def test_attack_in_place_of_a_storage(state_file: Path, evil_pickle: bytes, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> bytes:
        return evil_pickle.ljust(len(data), b"\0") if name.endswith("/data/3") else data

    assert isinstance(error_of(rezip(state_file, tmp_path / "e.pt", change)), HostileFile)


def test_deflated_attack_is_walked(evil_pickle: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", b"\x80\x02}.")
        file.writestr("m/other", evil_pickle)
    assert isinstance(error_of(tmp_path / "m.pt"), HostileFile)


def test_stray_member_is_a_finding(state_file: Path, tmp_path: Path) -> None:
    path = rezip(state_file, tmp_path / "s.pt", keep, **{"data/777": b"\0" * 64})
    (finding,) = open_checkpoint(path).findings
    assert finding.rule == "file.unreferenced_member"
    assert finding.where == "model/data/777"


@pytest.mark.parametrize(
    "name", ["../../pwn", "/abs", "C:/x", "m/..", "m//x", "m/\x01x", "m/\u202ex", "m/./x", "m/"]
)
def test_names_that_escape_or_mislead(name: str, state_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(state_file, "a") as file:
        file.writestr(zipfile.ZipInfo(name), b"x")
    assert error_of(state_file).code == "zip.bad_name"


def test_backslash_and_link(state_file: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(state_file, "a") as file:
        file.writestr(link, b"/etc/passwd")
    assert error_of(state_file).code == "zip.bad_name"
    data = state_file.read_bytes().replace(b"model/link", b"mode\\/link")
    assert code_of(data, state_file) == "zip.bad_name"


def test_compressed_storage_is_refused_before_it_is_inflated(
    state_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(state_file) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            packed = item.filename.endswith("/data/5")
            data = bytes(300 << 20) if packed else old.read(item)
            method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            new.writestr(item.filename, data, method)
    start = time.process_time()
    assert error_of(path).code == "zip.compressed_storage"
    assert time.process_time() - start < 1


def test_pickle_that_inflates_too_far(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", bytes(65 << 20))
    assert error_of(tmp_path / "m.pt").code == "zip.bomb"


def test_deflated_pickle_is_read(state_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(state_file) as old, zipfile.ZipFile(tmp_path / "d.pt", "w") as new:
        for item in old.infolist():
            packed = item.filename.endswith(".pkl")
            method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            new.writestr(item.filename, old.read(item), method)
    assert open_checkpoint(tmp_path / "d.pt").format == "torch-zip"


@pytest.mark.parametrize("glue", ["junk first", "junk last", "pickle first"])
def test_polyglots(glue: str, state_file: Path) -> None:
    data = state_file.read_bytes()
    glued = {
        "junk first": b"\xff\xd8junk" + data,
        "junk last": data + b"junk",
        "pickle first": b"\x80\x02}." + data,
    }[glue]
    assert code_of(glued, state_file) == "file.polyglot"


def test_polyglot_with_an_attack_in_any_view(
    state_file: Path, evil_pickle: bytes, tmp_path: Path
) -> None:
    good = state_file.read_bytes()
    with zipfile.ZipFile(tmp_path / "e.pt", "w") as file:
        file.writestr("m/data.pkl", evil_pickle)
    bad = (tmp_path / "e.pt").read_bytes()
    for number, data in enumerate((evil_pickle + good, good + evil_pickle, b"\x80\x02}." + bad)):
        path = tmp_path / f"{number}.pt"
        path.write_bytes(data)
        assert isinstance(error_of(path), HostileFile), number


def test_too_many_members(state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clipguard.checkpoint import archive

    monkeypatch.setattr(archive, "MOST_MEMBERS", 5)
    assert error_of(state_file).code == "zip.limits"


def test_rare_compression(state_file: Path) -> None:
    with zipfile.ZipFile(state_file, "a", zipfile.ZIP_BZIP2) as file:
        file.writestr("model/more", b"x" * 100)
    assert error_of(state_file).code == "zip.method"


def test_one_part_of_several(state_file: Path) -> None:
    with zipfile.ZipFile(state_file) as old, zipfile.ZipFile(state_file.with_name("p"), "w") as new:
        for item in old.infolist():
            new.writestr(item.filename, old.read(item))
    data = bytearray(state_file.with_name("p").read_bytes())
    data[data.rfind(b"PK\x05\x06") + 4] = 1
    assert code_of(bytes(data), state_file) == "zip.split"


def test_two_top_folders(state_file: Path) -> None:
    with zipfile.ZipFile(state_file, "a") as file:
        file.writestr("other/data.pkl", b"\x80\x02}.")
    assert error_of(state_file).code == "zip.layout"


def test_overlapping_members_are_not_walked(state_file: Path, entries: Entries) -> None:
    """A thousand directory entries for the same bytes would cost a thousand walks."""
    data = bytearray(state_file.read_bytes())
    places = [place for place, name in entries(bytes(data)) if "/data/" in name]
    for place in places[1:]:
        data[place + 42 : place + 46] = data[places[0] + 42 : places[0] + 46]
    assert code_of(bytes(data), state_file) in ("zip.header_mismatch", "zip.overlap")


def test_bytes_hidden_between_members(state_file: Path, entries: Entries) -> None:
    """Move the directory and say so: every header agrees, but a gap holds something."""
    data = state_file.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    (start,) = struct.unpack_from("<L", data, end + 16)
    tail = bytearray(data[start:])
    if data[end - 20 : end - 16] == b"PK\x06\x07":
        (far,) = struct.unpack_from("<Q", data, end - 12)
        struct.pack_into("<Q", tail, end - 12 - start, far + 100)
        struct.pack_into("<Q", tail, far - start + 48, start + 100)
    struct.pack_into("<L", tail, end - start + 16, start + 100)
    assert code_of(data[:start] + b"h" * 100 + bytes(tail), state_file) == "file.polyglot"


def wrapped(kind: str, data: bytes) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as outer:
            outer.writestr("inner.pt", data)
    elif kind == "tar":
        with tarfile.open(fileobj=file, mode="w") as outer:
            member = tarfile.TarInfo("inner.pt")
            member.size = len(data)
            outer.addfile(member, io.BytesIO(data))
    elif kind == "gzip":
        return gzip.compress(data)
    else:
        return b"7z\xbc\xaf\x27\x1c" + data
    return file.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar", "gzip", "7z"])
def test_archives_around_a_model(kind: str, state_file: Path) -> None:
    path = state_file
    path.write_bytes(wrapped(kind, path.read_bytes()))
    error = error_of(path)
    assert isinstance(error, RefusedError)
    assert error.code == "format.archive"
    assert "unpack" in error.remedy


@pytest.mark.parametrize("attack", [False, True])
def test_oldest_tar_format(attack: bool, evil_pickle: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.pt", "w") as outer:
        for name in ("storages", "tensors", "pickle"):
            data = evil_pickle if attack and name == "pickle" else b"\x80\x02K\x00."
            member = tarfile.TarInfo(name)
            member.size = len(data)
            outer.addfile(member, io.BytesIO(data))
    error = error_of(tmp_path / "m.pt")
    assert isinstance(error, HostileFile) if attack else error.code == "format.torch_tar"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_archive(share: float, state_file: Path) -> None:
    data = state_file.read_bytes()
    state_file.write_bytes(data[: int(len(data) * share)])
    error = error_of(state_file)
    assert isinstance(error, InputError)
    assert error.code == "file.truncated"
    assert "download" in error.remedy


def test_big_endian_is_refused(state_file: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> bytes:
        return b"big" if name.endswith("byteorder") else data

    assert error_of(rezip(state_file, tmp_path / "b.pt", change)).code == "format.byteorder"


def test_zip64_archive(vit: nn.Module, state_file: Path, tmp_path: Path) -> None:
    """Sizes beyond 32 bits live in extra fields; small files may use them too."""
    path = tmp_path / "z.pt"
    with zipfile.ZipFile(state_file) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            with new.open(item.filename, "w", force_zip64=True) as member:
                member.write(old.read(item))
    checkpoint = open_checkpoint(path)
    assert checkpoint.tensors.read("logit_scale") == vit.logit_scale.detach().numpy()
