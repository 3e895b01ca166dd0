"""From options, environment and settings file to the request of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipguard.core.results import Outcome
from clipguard.pairs.spec import FileSpec, SyntheticSpec


def test_defaults_and_their_origin(cli, pipeline):
    assert cli("scan", "folder/model.pt").code == 0
    request = pipeline.request
    assert (request.model, request.seed, request.device) == ("folder/model.pt", 0, "cpu")
    assert request.policy.fail_on == {Outcome.BACKDOORED}
    assert request.settings["model"] == "model.pt"
    assert request.origins["model"] == "command line"
    assert request.origins["seed"] == "default"
    assert set(request.settings) == set(request.origins)


def test_precedence(cli, pipeline, tmp_path, monkeypatch):
    def seed_of(*arguments: str) -> tuple[int, str]:
        assert cli("scan", "model.pt", *arguments).code == 0
        return pipeline.request.seed, pipeline.request.origins["seed"]

    assert seed_of() == (0, "default")
    (tmp_path / "pyproject.toml").write_text("[tool.clipguard]\nseed = 1\n")
    assert seed_of() == (1, "pyproject.toml")
    (tmp_path / "clipguard.toml").write_text("seed = 2\n")
    assert seed_of() == (2, "clipguard.toml")
    (tmp_path / "clipguard.toml").write_text("seed = 2\n[scan]\nseed = 3\n[clean]\nseed = 9\n")
    assert seed_of() == (3, "clipguard.toml")
    (tmp_path / "other.toml").write_text("[scan]\nseed = 4\n")
    assert seed_of("--config", "other.toml") == (4, "other.toml")
    monkeypatch.setenv("CLIPGUARD_SCAN_SEED", "5")
    assert seed_of("--config", "other.toml") == (5, "environment")
    assert seed_of("--seed", "6") == (6, "command line")


def test_the_settings_file_in_force_is_named(cli, pipeline, tmp_path):
    assert "settings come from" not in cli("scan", "model.pt").err
    (tmp_path / "clipguard.toml").write_text("exit_zero = true\n")
    assert "settings come from clipguard.toml" in cli("scan", "model.pt").err


@pytest.mark.parametrize("command", ["scan", "clean", "audit"])
def test_a_configured_model_needs_no_argument(cli, pipeline, tmp_path, monkeypatch, command):
    (tmp_path / "clipguard.toml").write_text('model = "models/m.pt"\n')
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert cli(command).code == 0
    assert Path(pipeline.request.model) == tmp_path / "models/m.pt"
    assert pipeline.request.settings["model"] == "m.pt"


def test_clean_draws_pairs_unless_it_is_given_some(cli, pipeline, tmp_path):
    (tmp_path / "pairs.csv").touch()
    assert cli("clean", "m.pt").code == 0
    assert pipeline.request.synthetic == SyntheticSpec()
    assert pipeline.request.output == Path("clipguard-clean")
    assert cli("clean", "m.pt", "--data", "pairs.csv", "-o", "out").code == 0
    assert pipeline.request.data == (FileSpec("pairs.csv"),)
    assert pipeline.request.synthetic is None
    assert pipeline.request.output == Path("out")
    (tmp_path / "clipguard.toml").write_text('data = "pairs.csv"\n')
    assert cli("clean", "m.pt", "--synthetic").code == 0
    assert pipeline.request.data == ()
    (tmp_path / "clipguard.toml").write_text("[clean]\nsynthetic = true\n")
    assert cli("clean", "m.pt", "--data", "pairs.csv").code == 0
    assert pipeline.request.synthetic is None


def test_a_mix_of_pairs(cli, pipeline, tmp_path):
    for name in ("a.csv", "b-0.tar", "b-1.tar"):
        (tmp_path / name).touch()
    mix = ("--data", f"{tmp_path}/a.csv:0.5", "--data", "b-{0..1}.tar:0.2", "--synthetic", "0.3")
    assert cli("clean", "m.pt", *mix).code == 0
    request = pipeline.request
    assert request.data == (FileSpec(f"{tmp_path}/a.csv", 0.5), FileSpec("b-{0..1}.tar", 0.2))
    assert request.synthetic == SyntheticSpec(0.3)
    assert request.settings["data"] == "a.csv:0.5,b-{0..1}.tar:0.2"
    assert request.settings["synthetic"] == "0.3"
    assert cli("audit", "m.pt", "--synthetic", f"diffusers:{tmp_path}/sd", "-o", "out").code == 0
    assert pipeline.request.synthetic == SyntheticSpec(model=f"{tmp_path}/sd")
    assert pipeline.request.settings["synthetic"] == "diffusers:sd"


def test_a_mix_in_the_settings_file(cli, pipeline, tmp_path):
    path = tmp_path / "clipguard.toml"
    path.write_text('data = ["a.csv:0.5", "b.tar:0.2"]\n[clean]\nsynthetic = 0.3\n')
    for name in ("a.csv", "b.tar"):
        (tmp_path / name).touch()
    assert cli("clean", "m.pt").code == 0
    here = str(tmp_path)
    assert pipeline.request.data == (FileSpec(f"{here}/a.csv", 0.5), FileSpec(f"{here}/b.tar", 0.2))
    assert pipeline.request.synthetic == SyntheticSpec(0.3)
    path.write_text('[clean]\nsynthetic = "diffusers:sd"\n')
    assert cli("clean", "m.pt").code == 0
    assert pipeline.request.synthetic == SyntheticSpec(model=f"{here}/sd")
    path.write_text("[clean]\nsynthetic = false\n")
    assert cli("clean", "m.pt").code == 0
    assert pipeline.request.synthetic == SyntheticSpec()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--data", "a.csv:7"), "usage.share"),
        (("--data", "a.csv:img=x"), "usage.data"),
        (("--data", "pipe:touch executed"), "data.scheme"),
        (("--synthetic", "model.pt"), "usage.synthetic"),
        (("--synthetic", "0.3"), "usage.share"),
        (("--data", "a.csv:0.7", "--synthetic", "0.2"), "usage.share"),
    ],
)
def test_pairs_that_make_no_sense(cli, pipeline, tmp_path, arguments, code):
    ended = cli("clean", "m.pt", *arguments, "--json")
    assert ended.code == 2
    assert f"[{code}]" in ended.err
    assert json.loads(ended.out)["error"]["code"] == code
    assert pipeline.requests == []
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "m", "--images", "a", "--data", "b"),
        ("clean", "m", "--synthetic", "--data", "b"),
    ],
)
def test_contradictions_are_refused(cli, pipeline, arguments):
    ended = cli(*arguments)
    assert ended.code == 2
    assert "[usage.contradiction]" in ended.err
    assert pipeline.requests == []


def test_fail_on_from_everywhere(cli, pipeline, tmp_path, monkeypatch):
    cli("scan", "m", "--fail-on", "natural_like", "--fail-on", "backdoored")
    assert pipeline.request.policy.fail_on == {Outcome.NATURAL_LIKE, Outcome.BACKDOORED}
    assert pipeline.request.settings["fail_on"] == "backdoored,natural_like"
    (tmp_path / "clipguard.toml").write_text('[policy]\nfail_on = ["inconclusive"]\n')
    cli("scan", "m")
    assert pipeline.request.policy.fail_on == {Outcome.INCONCLUSIVE}
    monkeypatch.setenv("CLIPGUARD_SCAN_FAIL_ON", "backdoored inconclusive")
    cli("scan", "m")
    assert pipeline.request.policy.fail_on == {Outcome.BACKDOORED, Outcome.INCONCLUSIVE}


def test_no_machine_path_gets_into_the_record(cli, pipeline, tmp_path):
    for name in ("m.pt", "labels.txt", "arch.json"):
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    here = str(tmp_path)
    ended = cli(
        *("scan", f"{here}/m.pt", "--labels", f"{here}/labels.txt"),
        *("--arch", f"{here}/arch.json", "--images", f"{here}/pictures/"),
    )
    assert here not in ended.out
    settings = json.loads(ended.out)["settings"]
    assert settings["images"] == "pictures"
    assert settings["arch"] == "arch.json"
    assert "output" not in settings


def test_a_scanned_folder_does_not_set_its_own_exam(cli, pipeline, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "clipguard.toml").write_text("prior = 0.0001\n")
    assert cli("scan", folder).code == 0
    assert pipeline.request.prior == 0.1
    monkeypatch.chdir(folder)
    ended = cli("scan", ".")
    assert ended.code == 2
    assert "[config.in_model]" in ended.err
    assert cli("scan", ".", "--config", "clipguard.toml").code == 0
    assert pipeline.request.prior == 0.0001


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("seed = = 1\n", "config.toml", "line 1"),
        ("sed = 1\n", "config.unknown_key", "seed"),
        ("[scan]\nsteps = 1\n", "config.unknown_key", "scan.steps"),
        ("seed = 'one'\n", "config.wrong_type", "integer"),
        ("seed = true\n", "config.wrong_type", "integer"),
        ("scan = 1\n", "config.wrong_type", "table"),
    ],
)
def test_wrong_settings_are_answered_in_json_too(cli, pipeline, tmp_path, text, code, named):
    (tmp_path / "clipguard.toml").write_text(text)
    ended = cli("scan", "m")
    assert ended.code == 2
    assert f"[{code}]" in ended.err
    assert named in ended.err
    assert json.loads(ended.out)["error"]["code"] == code


def test_values_out_of_range_in_the_settings_file(cli, pipeline, tmp_path):
    (tmp_path / "clipguard.toml").write_text("prior = 2.0\n")
    ended = cli("scan", "m")
    assert ended.code == 2
    assert "--prior" in ended.err
    assert pipeline.requests == []


def test_a_missing_config_file(cli, pipeline):
    ended = cli("scan", "m", "--config", "nowhere.toml")
    assert ended.code == 2
    assert "[config.missing]" in ended.err


def test_a_name_that_is_no_text_still_gives_a_result(cli, pipeline):
    ended = cli("scan", "a\udcff\u202eb.pt")
    assert ended.code == 0
    assert json.loads(ended.out)["settings"]["model"] == "a\\xff\\u{202e}b.pt"


def test_how_a_cleaning_computes_and_resumes(cli, pipeline, tmp_path):
    assert cli("clean", "m.pt").code == 0
    request = pipeline.request
    assert (request.micro_batch, request.precision, request.resume) == (None, "fp32", False)
    (tmp_path / "clipguard.toml").write_text('[audit]\nmicro_batch = 32\nprecision = "bf16"\n')
    assert cli("audit", "m.pt", "--resume", "--save-every", "5").code == 0
    request = pipeline.request
    assert (request.micro_batch, request.precision, request.save_every) == (32, "bf16", 5)
    assert request.resume
    # A resumed run gives the same result, byte by byte.
    assert not {"resume", "save_every"} & set(request.settings)
    assert request.settings["micro_batch"] == 32
    assert cli("clean", "m.pt", "--micro-batch", "0").code == 2
    assert cli("clean", "m.pt", "--precision", "fp8").code == 2
