"""``clipguard verify``: a folder is as it was written, or the file that is not is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from clipguard.core.results import Outcome
from clipguard.pipeline import audit

SHA256SUM = shutil.which("sha256sum")
NAMES = [
    "attestation.intoto.json",
    "audit.html",
    "bom.cdx.json",
    "deeper/vocab.json",
    "result.json",
    "visual.onnx",
]


@pytest.fixture
def folder(cli, stored, build, monkeypatch, tmp_path):
    """An output folder of the real audit, with a stored scan and weights that are none."""

    def export(model, work, layout, forms, progress):
        (work / "visual.onnx").write_bytes(b"weights")
        (work / "deeper").mkdir()
        (work / "deeper/vocab.json").write_bytes(b"{}")
        return ()

    monkeypatch.setattr(audit, "export", export)
    stored.scan = build.scan(Outcome.NO_EVIDENCE)
    assert cli("audit", "m.pt", "-o", "out").code == 0
    return tmp_path / "out"


def test_a_folder_as_it_was_written(cli, folder):
    ended = cli("verify", folder)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "6 files are as they were written\n5 files are those attested\n"


@pytest.mark.skipif(not SHA256SUM, reason="no sha256sum here")
def test_the_usual_tool_reads_the_list_too(folder):
    told = subprocess.run(
        [SHA256SUM, "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=True, text=True
    )
    assert told.stdout == "".join(f"{name}: OK\n" for name in NAMES)


def test_it_needs_no_torch(folder):
    code = (
        "import sys; from clipguard.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    for option in ((), ("--no-parity",)):
        done = subprocess.run([sys.executable, "-c", code, "verify", folder, *option], check=False)
        assert done.returncode == 0


def test_it_can_be_carried_elsewhere(cli, folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    assert cli("verify", tmp_path / "elsewhere").code == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_bit_is_found_and_the_file_is_named(cli, folder, name, place):
    data = bytearray((folder / name).read_bytes())
    data[place] ^= 1
    (folder / name).write_bytes(data)
    ended = cli("verify", folder)
    assert (ended.code, ended.out) == (1, f"{name} differs\n")


def test_every_bit_of_the_list_counts(cli, folder):
    path = folder / "SHA256SUMS"
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in (0, 5):  # another digit, another case
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            assert cli("verify", folder).code in {1, 2}, (place, bit)


def test_files_that_are_missing_or_were_added(cli, folder):
    (folder / "visual.onnx").rename(folder / "deeper/pytorch_model.bin")
    (folder / "a\x1b[2Jlink").symlink_to("deeper")
    ended = cli("verify", folder)
    assert ended.code == 1
    assert ended.out.splitlines() == [
        "a\\u{1b}[2Jlink is not listed",
        "deeper/pytorch_model.bin is not listed",
        "visual.onnx is missing",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(cli, folder):
    (folder / "visual.onnx").unlink()
    os.mkfifo(folder / "visual.onnx")
    ended = cli("verify", folder)
    assert (ended.code, ended.out) == (1, "visual.onnx cannot be read\n")


def test_a_link_in_place_of_a_file_is_told(cli, folder, tmp_path):
    (folder / "visual.onnx").rename(tmp_path / "elsewhere")
    (folder / "visual.onnx").symlink_to(tmp_path / "elsewhere")
    ended = cli("verify", folder)
    assert (ended.code, ended.out) == (1, "visual.onnx is a link\n")


@pytest.mark.parametrize("text", [None, "", "nonsense\n", "0" * 64 + "  b\n" + "0" * 64 + "  a\n"])
def test_no_list_no_answer(cli, tmp_path, text):
    if text is not None:
        (tmp_path / "SHA256SUMS").write_text(text)
    ended = cli("verify", tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "[verify.no_sums]" in ended.err
    assert cli("verify", tmp_path / "nowhere").code == 2


def test_a_listed_path_outside_the_folder_is_not_opened(cli, tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/SHA256SUMS").write_text(f"{'0' * 64}  ../secret\n")
    ended = cli("verify", tmp_path / "out")
    assert (ended.code, ended.out) == (1, "../secret is missing\n")
