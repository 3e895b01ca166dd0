"""``clipguard export`` and what ``clipguard verify`` makes of its folder, on an example model."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clipguard.core import resources, schema
from clipguard.export import sums
from clipguard.model.pair import FORMS, file_names

pytestmark = pytest.mark.slow

MODEL = str(resources.examples("clean-base", "model.pt"))
ONNX = [name for form in FORMS for name in file_names(form)]
WEIGHTS = ["open_clip_config.json", "open_clip_model.safetensors"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every form of the pair."""
    from clipguard.cli import main

    folder = tmp_path_factory.mktemp("export") / "out"
    asked = ["--precision", "int8,fp32", "--precision", "fp16", "--layout", "open_clip"]
    assert main(["export", MODEL, "-o", str(folder), *asked, "-q"]) == 0
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of it, with an attestation."""
    shutil.copytree(written, tmp_path / "out")
    attest(tmp_path / "out", [*ONNX, *WEIGHTS])
    return tmp_path / "out"


def attest(folder: Path, names: list[str], change: Callable[[dict], object] = lambda _: None):
    """Write an in-toto Statement about files, and the digests of everything."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {},
    }
    change(statement)
    (folder / "attestation.intoto.json").write_text(json.dumps(statement))
    sums.write_sums(folder)


def test_what_is_written(written):
    assert {file.name for file in written.iterdir()} == {*ONNX, *WEIGHTS, "SHA256SUMS"}


def test_the_result_tells_every_file(cli, written):
    ended = cli("export", written, "-o", "out", "--json")
    assert ended.code == 0, ended.err
    result = schema.loads(ended.out.encode())
    assert [item.artifact.name for item in result.exports][2:] == ["visual.onnx", "textual.onnx"]
    assert result.exports[2].min_cosine >= 0.9999
    assert (result.command, result.delivered) == ("export", None)
    assert "EXPORTED  out" in ended.err
    assert "clipguard scan" in ended.err


def test_what_was_exported_exports_to_the_same_bytes(cli, written, tmp_path):
    assert cli("export", written, "-o", "again", "-q").code == 0
    names = {file.name for file in (tmp_path / "again").iterdir()}
    assert names == {*WEIGHTS, *file_names("fp32"), "SHA256SUMS"}
    for name in names - {"SHA256SUMS"}:  # this one also lists the other forms
        assert (written / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.parametrize("given", ["fp64", "fp32,,int8", ""])
def test_an_unknown_form_is_told_with_the_known_ones(cli, given):
    ended = cli("export", MODEL, "-o", "out", "--precision", given)
    assert ended.code == 2
    assert "is not one of fp32, fp16, int8" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_pair_that_disagrees_ships_nothing_and_has_its_code(cli, written, monkeypatch, tmp_path):
    from clipguard.export import parity

    monkeypatch.setattr(parity.Parity, "holds", lambda self, form: form != "int8")
    ended = cli("export", written, "-o", "out", "--precision", "int8", "-q")
    assert ended.code == 3
    assert ended.err.startswith("clipguard: refused [export.parity] visual.int8.onnx: ")
    assert len(ended.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_resnet_has_no_place_in_the_other_layout(cli, written, tmp_path):
    ended = cli("export", written, "-o", "out", "--layout", "hf", "-q")
    assert ended.code == 2
    assert "[export.layout]" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["clean", "audit"])
def test_a_layout_without_a_place_is_refused_before_any_probing(
    cli, tmp_path, monkeypatch, command
):
    from clipguard.pipeline import scan

    monkeypatch.delattr(scan, "probe_model")
    options = ("--synthetic", "--layout", "transformers.js", "-q")
    ended = cli(command, MODEL, "-o", "out", *options)
    assert ended.code == 2
    assert "[export.layout]" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_verify_runs_the_pairs_and_reads_the_attestation(cli, folder):
    ended = cli("verify", folder)
    assert (ended.code, ended.err) == (0, "")
    digests, attested, parity = ended.out.splitlines()
    assert digests == "9 files are as they were written"
    assert attested == "8 files are those attested"
    assert all(name in parity for name in ONNX)
    answer = json.loads(cli("verify", folder, "--json", "--no-parity").out)
    assert [item["check"] for item in answer["checks"]] == ["digests", "attestation"]
    assert answer["exit_code"] == 0


@pytest.mark.parametrize("name", [*ONNX, *WEIGHTS, "attestation.intoto.json"])
def test_one_flipped_byte_is_found_and_the_file_is_named(cli, folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / name).write_bytes(data)
    ended = cli("verify", folder)
    assert (ended.code, ended.out) == (1, f"{name} differs\n")


def test_what_differs_is_told_to_machines_as_well(cli, folder):
    (folder / "visual.onnx").write_bytes(b"")
    ended = cli("verify", folder, "--json")
    assert ended.code == json.loads(ended.out)["exit_code"] == 1
    (check,) = json.loads(ended.out)["checks"]
    assert check["faults"] == [{"file": "visual.onnx", "what": "differs"}]


@pytest.mark.parametrize("name", ["visual.onnx", "open_clip_config.json"])
def test_a_flipped_byte_in_the_list_as_well_is_found_by_the_attestation(cli, folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    sums.write_sums(folder)
    ended = cli("verify", folder)
    assert (ended.code, ended.out) == (1, f"{name} is not what attestation.intoto.json attests\n")


@pytest.mark.parametrize(
    "name", ["absent.bin", "../out/visual.onnx", "/etc/passwd", "a\u202eb\x1b[2J"]
)
def test_a_file_attested_that_is_not_here(cli, folder, name):
    attest(folder, ["visual.onnx"], lambda plain: plain["subject"][0].update(name=name))
    ended = cli("verify", folder)
    assert ended.code == 1
    assert ended.out.endswith(" is not what attestation.intoto.json attests\n")
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda plain: plain.update(subject=[]),
        lambda plain: plain.update(subject=[{"name": "visual.onnx", "digest": {"md5": "0"}}]),
        lambda plain: plain.pop("subject"),
    ],
)
def test_what_is_no_statement_is_told_in_one_line(cli, folder, change):
    attest(folder, ["visual.onnx"], change)
    ended = cli("verify", folder, "--json")
    assert ended.code == 2
    assert "[verify.attestation]" in ended.err
    assert json.loads(ended.out)["error"]["code"] == "verify.attestation"


def test_a_pair_of_other_weights_is_named(cli, folder):
    for tower in range(2):
        shutil.copyfile(folder / file_names("int8")[tower], folder / file_names("fp32")[tower])
    attest(folder, [*ONNX, *WEIGHTS])
    ended = cli("verify", folder)
    assert ended.code == 1
    assert [line.split(": ")[0] for line in ended.out.splitlines()] == [
        "visual.onnx disagrees with open_clip_model.safetensors",
        "textual.onnx disagrees with open_clip_model.safetensors",
    ]
    assert cli("verify", folder, "--no-parity").code == 0


def test_the_settings_file_may_say_the_forms(cli, tmp_path, monkeypatch):
    from clipguard.pipeline import export

    asked = []

    def stand_in(request, progress):
        asked.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "export_model", stand_in)
    (tmp_path / "clipguard.toml").write_text(
        'model = "m.pt"\nseed = 3\n[export]\nprecision = ["int8", "fp32"]\noutput = "there"\n'
    )
    cli("export")
    assert asked[0].precision == ("fp32", "int8")
    assert (asked[0].output.name, asked[0].seed) == ("there", 3)
    assert asked[0].settings["precision"] == "fp32,int8"
