"""doctor answers whatever is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clipguard.cli import health

BROKEN = {
    "onnxruntime": "raise ImportError('libgone.so: cannot open shared object file')",
    "safetensors": "import os; os.abort()",
    "msgspec": "import os; os._exit(0)",
    "jinja2": 'print(\'["jinja2", true, "9", "a lie"]\')',
}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that fail, crash, end the process or talk, found before the real ones."""
    for name, text in BROKEN.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)


def test_each_cause_is_told_and_the_others_are_still_tried(cli, broken, monkeypatch):
    names = ("onnxruntime", "safetensors", "msgspec", "jinja2", "PIL", "nowhere")
    monkeypatch.setattr(health, "PACKAGES", names)
    ended = cli("doctor", "--json")
    items = {item["name"]: item for item in json.loads(ended.out)}
    assert ended.code == 2
    assert "libgone.so" in items["onnxruntime"]["detail"]
    assert items["onnxruntime"]["version"]
    assert "SIGABRT" in items["safetensors"]["detail"]
    assert "ended with 0" in items["msgspec"]["detail"]
    assert items["nowhere"]["detail"] == "not installed"
    works = {name: items[name]["works"] for name in names}
    assert works == {name: name in {"jinja2", "PIL"} for name in names}
    assert items["jinja2"]["detail"] == ""


def test_the_packages_of_this_machine_work():
    found = health._packages(health.PACKAGES)
    assert [item.name for item in found] == list(health.PACKAGES)
    assert [item.detail for item in found if not item.works] == []


def test_the_table_ends_with_the_conclusion(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(health, "PACKAGES", ("nowhere",))
    (tmp_path / "clipguard.toml").write_text("sed = 1\n")
    ended = cli("doctor")
    assert ended.code == 2
    assert "BAD  nowhere" in ended.out
    assert "unknown setting sed" in ended.out
    assert "pip install -c constraints.txt ." in ended.out.splitlines()[-2]
    assert "settings file" in ended.out.splitlines()[-1]


def test_no_new_installation_for_a_wrong_setting(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(health, "PACKAGES", ())
    (tmp_path / "clipguard.toml").write_text("sed = 1\n")
    ended = cli("doctor")
    assert ended.code == 2
    assert "pip install" not in ended.out


def test_a_silent_child_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT", 0.5)
    monkeypatch.setattr(health, "_command", lambda names: ["/bin/sleep", "30"])
    assert health._packages(("torch",))[0].detail == "no answer after 0.5 s"
