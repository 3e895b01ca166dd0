"""Files that are broken or something else: one clear line with the remedy, and exit code 2."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from opening import error_of
from torch import nn

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.source import Source
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.exits import Exit

LFS = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 353976522
"""
OTHERS = {
    "web page": (b"<!DOCTYPE html><html>404</html>", "file.not_a_model", "web page"),
    "web page with space": (b"\n  <html>login</html>", "file.not_a_model", "web page"),
    "xml error": (b"<?xml version='1.0'?><Error/>", "file.not_a_model", "XML"),
    "json error": (b'{"error": "Repository not found"}', "file.not_a_model", "Repository"),
    "json list": (b"[1, 2]", "file.not_a_model", "JSON"),
    "pdf": (b"%PDF-1.7\n", "file.not_a_model", "PDF"),
    "text": (b"Please download the model from our site\n", "file.not_a_model", "text"),
    "lfs pointer": (LFS, "file.lfs_pointer", "git lfs pull"),
    "empty": (b"", "file.empty", "empty"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(40), "file.not_a_model", "known format"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(40), "file.not_a_model", "known format"),
    "gif": (b"GIF89a" + bytes(40), "file.not_a_model", "known format"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "file.not_a_model", "HDF5"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0", "file.not_a_model", "ONNX"),
    "zeros": (bytes(1000), "file.not_a_model", "known format"),
    "one byte": (b"\x80", "file.truncated", "download"),
}


@pytest.mark.parametrize(("data", "code", "told"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_called_by_their_name(
    data: bytes, code: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "model.pt").write_bytes(data)
    error = error_of(tmp_path / "model.pt")
    assert error.code == code
    assert error.exit is Exit.ERROR
    assert told in str(error)
    assert error.remedy
    assert "\n" not in str(error)


def test_lfs_pointer_tells_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(LFS)
    assert "353976522 bytes" in str(error_of(tmp_path / "model.pt"))
    assert "sha256:4d7a2146" in str(error_of(tmp_path / "model.pt"))


def test_folders_without_or_with_several_models(state_file: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert error_of(empty).code == "input.no_model"
    (empty / "notes.txt").write_text("x")
    assert error_of(empty).code == "input.no_model"
    (empty / "a.pt").write_bytes(state_file.read_bytes())
    assert open_checkpoint(empty).format == "torch-zip"
    (empty / "b.pt").write_bytes(state_file.read_bytes())
    error = error_of(empty)
    assert error.code == "input.ambiguous"
    assert "a.pt, b.pt" in error.what


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    os.chdir(path.parent)  # a socket's path may not be long
    server.bind(path.name)
    server.close()


def make_device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_device_link])
def test_what_is_no_file_is_refused_at_once(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "special")
    start = time.monotonic()
    error = error_of(tmp_path / "special")
    assert time.monotonic() - start < 1
    assert isinstance(error, InputError)
    assert error.code == "file.not_regular"


@pytest.mark.parametrize("name", ["absent.pt", "absent/deeper.pt", "nul\0byte"])
def test_missing_files(name: str, tmp_path: Path) -> None:
    assert error_of(f"{tmp_path}/{name}").code == "file.missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(state_file: Path) -> None:
    state_file.chmod(0)
    assert error_of(state_file).code == "file.permission"


def test_strange_names_are_escaped(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/new\nline\xff\x1b[31m.pt"
    with open(path, "wb") as file:
        file.write(b"<html>")
    told = str(error_of(Path(os.fsdecode(path))))
    assert "\n" not in told
    assert "\x1b" not in told
    assert r"new\u{a}line\xff\u{1b}" in told


def test_link_is_followed(state_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link.pt").symlink_to(state_file)
    assert open_checkpoint(tmp_path / "link.pt").artifact.name == "link.pt"


def test_file_written_to_after_it_was_hashed(state_file: Path) -> None:
    checkpoint = open_checkpoint(state_file)
    with state_file.open("r+b") as file:
        file.seek(5000)
        file.write(b"\1")
    os.utime(state_file, ns=(1, 1))
    with pytest.raises(RefusedError) as error:
        checkpoint.tensors.read("logit_scale")
    assert error.value.code == "file.changed"


def test_file_written_to_while_it_is_hashed(
    state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread, calls = os.pread, iter(range(10**6))

    def meddle(descriptor: int, count: int, offset: int) -> bytes:
        if next(calls) == 1:
            with state_file.open("ab") as file:
                file.write(b"more")
        return pread(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", meddle)
    assert error_of(state_file).code == "file.changed"


def test_replaced_file_is_another_file(state_file: Path, tmp_path: Path, vit: nn.Module) -> None:
    """What was opened counts, whatever happens to its name."""
    checkpoint = open_checkpoint(state_file)
    (tmp_path / "new").write_bytes(b"<html>")
    os.replace(tmp_path / "new", state_file)
    assert checkpoint.tensors.read("logit_scale") == vit.logit_scale.detach().numpy()


def test_descriptors_are_given_back(state_file: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        open_checkpoint(state_file)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_digest_is_that_of_the_bytes(state_file: Path) -> None:
    import hashlib

    artifact = Source(state_file).artifact
    assert artifact.sha256 == hashlib.sha256(state_file.read_bytes()).hexdigest()
    assert artifact.size_bytes == state_file.stat().st_size


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated_legacy_file(share: float, vit: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(vit.state_dict(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert error_of(path).code == "file.truncated"
    path.write_bytes(data + b"x")
    assert error_of(path).code == "file.trailing_data"


def test_many_threads_read_one_file(state_file: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(open_checkpoint(state_file).artifact.sha256))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
