"""Pages made from code are up to date; links and commands of the README lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.write_docs import PAGES, ROOT
from clipguard.core.exits import Exit

README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name):
    # In a process of its own: click remembers the help option of whichever test asked first.
    code = "import sys; from bench.write_docs import PAGES; sys.stdout.write(PAGES[sys.argv[1]]())"
    made = subprocess.run(
        [sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, check=True
    )
    assert (ROOT / name).read_text() == made.stdout.decode(), "run: python -m bench.write_docs"


def test_the_exit_codes_are_in_the_readme_and_the_page():
    page = (ROOT / "docs/exit-codes.md").read_text()
    for code in Exit:
        assert f"| {int(code)} | {code.meaning} |" in page
        assert re.search(rf"^ +{int(code)} +{re.escape(code.meaning)}$", README, re.MULTILINE)


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))],
)
def test_links_lead_somewhere(page):
    folder = (ROOT / page).parent
    links = LINK.findall((ROOT / page).read_text())
    assert [link for link in links if not (folder / link).exists()] == []


def test_two_commands_set_everything_up():
    first, second = re.findall(r"^python3 -m venv .+$", README, re.MULTILINE)
    assert README.index(second) < README.index("## "), "both stand on the first screen"
    assert first.endswith("clipguard demo")
    for line in (first, second):
        assert " install -c constraints.txt " in line


def test_continuous_integration_runs_the_second_command(tmp_path):
    second = re.findall(r"^python3 -m venv .+$", README, re.MULTILINE)[1]
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci/run"
    script.write_bytes((ROOT / ".ci/run").read_bytes())
    script.chmod(0o755)
    for name in ("python3", "pip"):
        _stand_in(tmp_path / "bin" / name)
    _stand_in(tmp_path / ".venv/bin/pip")
    _stand_in(tmp_path / ".venv/bin/python")
    (tmp_path / "README.md").write_text(README)
    done = subprocess.run(
        [str(script)],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    shown, *called = done.stdout.decode().splitlines()
    assert shown == second
    assert called == [part.strip().replace("'", "") for part in second.split("&&")]


def _stand_in(path: Path) -> None:
    """A program that says how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = (
        path.name
        if path.parent.name == "bin" and ".venv" not in path.parts
        else f".venv/bin/{path.name}"
    )
    path.write_text(f'#!/bin/sh\necho "{name} $*"\n')
    path.chmod(0o755)
