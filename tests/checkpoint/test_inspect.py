"""``clipguard inspect``: what was recognised and why, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clipguard.cli import main
from clipguard.report.formats import FORMATS


def test_answer_for_people(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(state_file)]) == 0
    out, err = capsys.readouterr()
    for told in ("torch-zip", "open_clip", "ViT 64x2 patch 16 @64", "QuickGELU", "sha256"):
        assert told in out
    assert not err


def test_answer_for_programs(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(state_file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["command"], answer["status"]) == ("inspect", "pass")
    assert answer["tensors"]["logit_scale"] == {"shape": [], "dtype": "float32"}
    assert len(answer["candidates"]) == 2
    assert answer["inspected"]["parameters"] == sum(
        __import__("math").prod(tensor["shape"]) for tensor in answer["tensors"].values()
    )


def test_hostile_file_is_a_finding(
    tmp_path: Path, evil_pickle: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pt").write_bytes(evil_pickle)
    assert main(["inspect", str(tmp_path / "m.pt"), "--json"]) == 1
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["inspected"], answer["status"]) == (None, "fail")
    assert answer["findings"][0]["rule"] == "file.pickle_exec"
    assert answer["findings"][0]["severity"] == "critical"
    assert err.startswith("clipguard: finding [file.pickle_exec]")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"json"}))
def test_the_answer_is_rendered_like_any_result(
    name: str,
    state_file: Path,
    evil_pickle: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evil.pt").write_bytes(evil_pickle)
    for path, code, told in (
        (state_file, 0, {"text": "INSPECTED  model.pt", "html": "ViT 64x2 patch 16 @64"}),
        (
            tmp_path / "evil.pt",
            1,
            {"text": "REFUSED", "markdown": "Refused", "sarif": "file.pickle_exec"},
        ),
    ):
        assert main(["inspect", str(path), "--json"]) == code
        (tmp_path / "r.json").write_text(capsys.readouterr().out)
        assert main(["report", str(tmp_path / "r.json"), "--format", name]) == 0
        out, err = capsys.readouterr()
        assert path.name in out
        assert told.get(name, "") in out
        assert not err


@pytest.mark.parametrize(("data", "code"), [(b"<html>", 2), (b"\x80\x02cx\ny\n.", 3)])
def test_exit_codes_of_what_is_not_read(
    data: bytes, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pt").write_bytes(data)
    assert main(["inspect", str(tmp_path / "m.pt")]) == code
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1


def test_of_several_files_all_are_read_and_the_worst_counts(
    state_file: Path, tmp_path: Path, evil_pickle: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"evil.pt": evil_pickle, "page.pt": b"<html>", "odd.pt": b"\x80\x02cx\ny\n."}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    good = str(state_file)
    evil, page, odd = (str(tmp_path / name) for name in files)
    for given, code in (
        ((good, good), 0),
        ((page, good), 2),
        ((page, odd, good), 3),
        ((good, odd, evil, page, good), 1),
    ):
        assert main(["inspect", *given]) == code
        out, err = capsys.readouterr()
        assert out.count("sha256 ") == given.count(good)
        assert len(err.splitlines()) == len(given) - given.count(good)


def test_json_is_for_one(state_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(state_file), str(state_file), "--json"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "give one MODEL" in err


def test_hostile_names_do_not_reach_the_terminal(
    state_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = state_file.rename(state_file.with_name("a\x1b[2Jb.pt"))
    assert main(["inspect", str(path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_torch_stays_out(state_file: Path) -> None:
    code = (
        "import sys; from clipguard.cli import main; main(['inspect', sys.argv[1]]);"
        "print(sorted({'torch', 'open_clip', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(state_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
