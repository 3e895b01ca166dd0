"""Each exit code from the command line: where it is documented, and a run that ends with it."""

from __future__ import annotations

import re

import pytest

from clipguard.core.errors import RefusedError
from clipguard.core.exits import Exit, worst
from clipguard.core.results import Outcome

EVIL = b"cos\nsystem\n(S'touch executed'\ntR."


def finding(cli, pipeline, tmp_path):
    (tmp_path / "m.pt").write_bytes(EVIL)
    return cli("inspect", "m.pt").code


def passing(cli, pipeline, tmp_path):
    return cli("scan", "m.pt").code


def missing(cli, pipeline, tmp_path):
    return cli("inspect", "nowhere.pt").code


def refused(cli, pipeline, tmp_path):
    pipeline.error = RefusedError("file.limits", "too many members")
    return cli("scan", "m.pt").code


def bug(cli, pipeline, tmp_path):
    pipeline.error = RuntimeError("unforeseen")
    return cli("scan", "m.pt").code


def interrupted(cli, pipeline, tmp_path):
    pipeline.error = KeyboardInterrupt()
    return cli("scan", "m.pt").code


def terminated(cli, pipeline, tmp_path):
    from clipguard.cli.border import Terminated

    pipeline.error = Terminated()
    return cli("scan", "m.pt").code


ENDS = {
    Exit.PASS: passing,
    Exit.FINDING: finding,
    Exit.ERROR: missing,
    Exit.INCONCLUSIVE: refused,
    Exit.BUG: bug,
    Exit.INTERRUPTED: interrupted,
    Exit.TERMINATED: terminated,
}


@pytest.mark.parametrize("code", list(Exit))
def test_a_run_that_ends_with_it(cli, pipeline, tmp_path, code):
    assert ENDS[code](cli, pipeline, tmp_path) == code
    assert not (tmp_path / "executed").exists()


def test_every_code_is_in_the_help(cli):
    told = cli("--help").out
    for code in Exit:
        assert re.search(rf"^ +{int(code)} +{re.escape(code.meaning)}$", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((), Exit.PASS),
        ((Exit.PASS, Exit.ERROR), Exit.ERROR),
        ((Exit.ERROR, Exit.INCONCLUSIVE), Exit.INCONCLUSIVE),
        ((Exit.INCONCLUSIVE, Exit.FINDING, Exit.ERROR), Exit.FINDING),
    ],
)
def test_the_worst_of_several(codes, code):
    assert worst(codes) is code


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--exit-zero",), 0)])
def test_an_expired_ignore_suppresses_nothing(cli, stored, build, tmp_path, options, code):
    stored.scan = build.scan(Outcome.BACKDOORED)
    (tmp_path / "clipguard.toml").write_text(
        f"""[[ignore]]
id = "{stored.scan.verdict.trigger}"
sha256 = "{stored.scan.subject.artifact.sha256}"
reason = "checked by hand on our data"
expires = 2020-01-31
"""
    )
    assert cli("scan", "m.pt", *options, "--report", "sarif=a.sarif").code == code
    sarif = (tmp_path / "a.sarif").read_text()
    assert "policy.ignore_expired" in sarif
    assert '"suppressions": []' in sarif
