"""What ``clipguard drill`` asks for, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipguard.pairs.spec import SyntheticSpec


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("0.5m", 30)]
)
def test_a_budget_is_a_time(cli, pipeline, text, seconds):
    assert cli("drill", "m.pt", "--budget", text).code == 0
    assert pipeline.request.budget == seconds
    assert "budget" not in pipeline.request.settings


@pytest.mark.parametrize(
    "option",
    [
        ("--budget", "20"),
        ("--budget", "0m"),
        ("--budget", "-5m"),
        ("--budget", "1e3s"),
        ("--budget", "nan"),
        ("--budget", f"{'9' * 400}h"),
        ("--rounds", "0"),
        ("--carriers", "3"),
        ("--fail-on", "backdoored"),
        ("--data", "a.csv:0.5", "--data", "b.csv:0.2"),
    ],
)
def test_wrong_options_are_refused_in_one_line(cli, pipeline, option):
    done = cli("drill", "m.pt", *option)
    assert done.code == 2
    assert not pipeline.requests
    assert "Traceback" not in done.err


def test_the_scan_and_the_cleaning_are_the_ordinary_ones(cli, pipeline):
    arguments = ("--carriers", 48, "--prior", 0.2, "--seed", 3, "--arch", "ViT-B-32")
    assert cli("drill", "m.pt", *arguments, "--trigger", "a", "--trigger", "b.toml").code == 0
    request = pipeline.request
    assert (request.triggers, request.output) == (("a", "b.toml"), Path("clipguard-drill"))
    scan, clean = request.scanning(), request.cleaning()
    assert cli("scan", "m.pt", *arguments).code == 0
    ordinary = pipeline.request
    for name in ("model", "arch", "labels", "seed", "device", "images", "data", "carriers"):
        assert getattr(scan, name) == getattr(clean, name) == getattr(ordinary, name)
    assert scan.prior == clean.prior == 0.2
    assert scan.budget is None
    assert (clean.synthetic, clean.method) == (SyntheticSpec(), "guided")


def test_passes_of_a_scan_are_no_time_of_a_drill(cli, pipeline, tmp_path):
    (tmp_path / "clipguard.toml").write_text("budget = 9000\n[drill]\nrounds = 2\nclean = true\n")
    assert cli("drill", "m.pt").code == 0
    assert (pipeline.request.budget, pipeline.request.rounds) == (None, 2)
    assert pipeline.request.clean
    assert cli("scan", "m.pt").code == 0
    assert pipeline.request.budget == 9000
    (tmp_path / "clipguard.toml").write_text('[drill]\nbudget = "3m"\n')
    assert cli("drill", "m.pt").code == 0
    assert pipeline.request.budget == 180


def test_paths_stay_out_of_the_record(cli, pipeline):
    assert cli("drill", "m.pt", "--trigger", "/secret/place/own.toml", "--keep", "k").code == 0
    assert pipeline.request.settings["triggers"] == "own.toml"
    assert pipeline.request.keep == Path("k")
    assert "keep" not in pipeline.request.settings
