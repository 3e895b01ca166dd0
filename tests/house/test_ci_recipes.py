"""The recipes for users' pipelines: valid for their services, and run as their runners would."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "bench/examples/clean-base/model.pt"
BASH = shutil.which("bash") or "bash"
FEW = "--carriers 24 --budget 4969"  # the fewest passes that lead to a verdict
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
GITLAB: dict[str, Any] = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text())["clipguard"]
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
FENCED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = FENCED.findall((ROOT / "docs/ci.md").read_text())
EVIL = b"cos\nsystem\n(S'touch executed'\ntR."
ONLY = """
import sys
class Installed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {allowed}:
            raise ModuleNotFoundError("No module named " + repr(name))
sys.meta_path.insert(0, Installed())
from clipguard.cli import main
sys.exit(main(sys.argv[1:]))
"""
PYTHON_STAND_IN = """#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@"\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""


def errors(kind: str, text: str) -> list[str]:
    """What a service would say to a file, by the schema that check-jsonschema carries for it."""
    schemas = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor")
    schema = json.loads(schemas.joinpath(f"{kind}.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    read = yaml.safe_load(text.replace("\non:", '\n"on":'))  # a bare "on" is true in YAML 1.1
    return [error.message for error in validator.iter_errors(read)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("github-actions", (ROOT / "action.yml").read_text()),
        ("github-workflows", next(text for text in RECIPES if "jobs:" in text)),
        ("gitlab-ci", (ROOT / "docs/ci/gitlab.yml").read_text()),
    ],
)
def test_the_service_takes_it(kind: str, text: str):
    assert errors(kind, text) == []
    assert errors(kind, re.sub(r"\b(steps|script):", "stages:", text))


def test_pre_commit_takes_the_hook():
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_recipes_name_what_there_is():
    read = [yaml.safe_load(text) for text in RECIPES]
    hooks = [hook for recipe in read if "repos" in recipe for hook in recipe["repos"][0]["hooks"]]
    assert {hook["id"] for hook in hooks} == {HOOK["id"]}
    assert {hook["entry"] for hook in hooks if "entry" in hook} == {HOOK["entry"]}
    steps = [step for recipe in read if isinstance(recipe, list) for step in recipe]
    steps += [step for recipe in read if "jobs" in recipe for step in _steps(recipe)]
    given = [step["with"] for step in steps if step.get("uses", "").startswith("ORGANISATION/")]
    assert len(given) == 2
    assert {name for inputs in given for name in inputs} <= ACTION["inputs"].keys()
    asked = set(re.findall(r"steps\.clipguard\.outputs\.([\w-]+)", "".join(RECIPES)))
    assert asked
    assert asked <= ACTION["outputs"].keys()
    (job,) = [recipe["clipguard"] for recipe in read if "include" in recipe]
    assert job["variables"].keys() <= GITLAB["variables"].keys()


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return workflow["jobs"]["clipguard"]["steps"]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("models/model.pt", True),
        ("a.safetensors", True),
        ("x/pytorch_model-00001-of-2.bin", True),
        ("open_clip_pytorch_model.bin", True),
        ("firmware.bin", False),
        ("model.pt.md", False),
        ("receipt", False),
    ],
)
def test_the_hook_takes_checkpoints(name: str, chosen: bool):
    assert bool(re.search(HOOK["files"], name)) is chosen


def test_the_hook_reads_all_files_at_once(tmp_path: Path):
    (tmp_path / "evil.pt").write_bytes(EVIL)
    (tmp_path / "short.pt").write_bytes(MODEL.read_bytes()[:5000])
    entry = [sys.executable, "-m", *shlex.split(HOOK["entry"])]
    for names, code in (([MODEL], 0), ([MODEL, "short.pt"], 2), (["short.pt", "evil.pt"], 1)):
        done = subprocess.run([*entry, *names], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
    assert not (tmp_path / "executed").exists()


def test_the_hook_needs_no_more_than_it_installs(tmp_path: Path):
    option, *needed = HOOK["additional_dependencies"]
    assert option == "--no-deps"
    project = re.findall(r'^  "(.+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(needed) <= set(project)
    names = {re.split(r"[<>=]", text)[0].removesuffix("_torch") for text in needed}
    (tmp_path / "short.pt").write_bytes(MODEL.read_bytes()[:5000])
    (tmp_path / "evil.pt").write_bytes(EVIL)
    for allowed, code in ((names, 1), (names - {"numpy"}, 2)):
        script = ONLY.format(allowed={"clipguard", *allowed})
        command = [sys.executable, "-c", script, *shlex.split(HOOK["entry"])[1:]]
        done = subprocess.run(
            [*command, MODEL, "short.pt", "evil.pt"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert ("\narchitecture " in done.stdout) is (code == 1)


class Runner:
    """A folder in which the steps of a job are run by bash, as the service does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }

    def install(self, folder: str) -> None:
        """What an installation would leave behind: programs that lead to this checkout."""
        place = self.folder / folder / "bin"
        place.mkdir(parents=True, exist_ok=True)
        for name, arguments in (("clipguard", "-m clipguard "), ("python", "")):
            (place / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
            (place / name).chmod(0o755)

    def bash(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "evil.pt").write_bytes(EVIL)
    (tmp_path / "short.pt").write_bytes(MODEL.read_bytes()[:5000])
    return Runner(tmp_path)


def step(runner: Runner, number: int, **inputs: str) -> subprocess.CompletedProcess[str]:
    """One step of the action, with its expressions replaced as GitHub does it."""
    defaults = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()}
    values = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
    values["github.action_path"] = str(ROOT)
    chosen = ACTION["runs"]["steps"][number]
    assert "${{" not in chosen["run"], "an input in a script could be run as one"
    environment = {
        name: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)
        for name, text in chosen["env"].items()
    }
    for name in ("RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        environment[name] = str(runner.folder / name)
    return runner.bash(chosen["run"], GITHUB_ACTIONS="true", **environment)


def outputs(runner: Runner) -> dict[str, str]:
    text = (runner.folder / "GITHUB_OUTPUT").read_text()
    return dict(line.partition("=")[::2] for line in text.splitlines())


def test_the_action_installs_itself(runner: Runner):
    (runner.folder / "python").write_text(PYTHON_STAND_IN)
    (runner.folder / "python").chmod(0o755)
    done = step(runner, 0, python="./python")
    assert done.returncode == 0, done.stderr
    address = "https://download.pytorch.org/whl/cpu"
    constraints = str(ROOT / "constraints.txt")
    options = ["install", "--quiet", "-c", constraints, "--extra-index-url", address, str(ROOT)]
    assert done.stdout.splitlines() == options
    assert step(runner, 0, python="./python", **{"pip-args": ""}).stdout.splitlines()[-2:] == [
        constraints,
        str(ROOT),
    ]


def test_the_action_scans(runner: Runner):
    runner.install("RUNNER_TEMP/clipguard")
    done = step(runner, 1, model=str(MODEL), command="scan", args=FEW)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (runner.folder / "clipguard").iterdir()}
    assert written == {
        "bom.cdx.json",
        "clipguard.sarif",
        "junit.xml",
        "report.html",
        "result.json",
        "summary.md",
    }
    told = outputs(runner)
    assert told.keys() == ACTION["outputs"].keys()
    assert (told["exit-code"], told["status"], told["verdict"]) == ("0", "pass", "no_evidence")
    assert 0 < float(told["likelihood"]) < 0.1
    summary = (runner.folder / "GITHUB_STEP_SUMMARY").read_text()
    assert summary == (runner.folder / "clipguard/summary.md").read_text()


def test_the_action_ends_with_the_exit_code(runner: Runner):
    runner.install("RUNNER_TEMP/clipguard")
    done = step(runner, 1, model="short.pt")
    assert done.returncode == 2
    assert "::error title=clipguard file.truncated" in done.stderr
    told = outputs(runner)
    assert (told["exit-code"], told["status"]) == ("2", "error")
    assert told["verdict"] == told["likelihood"] == ""
    assert "| Exit code | 2: " in (runner.folder / "GITHUB_STEP_SUMMARY").read_text()
    sarif = json.loads((runner.folder / "clipguard/clipguard.sarif").read_text())
    assert sarif["runs"][0]["invocations"][0]["exitCode"] == 2


@pytest.mark.parametrize("inputs", [{"command": "clean"}, {"model": "$(touch executed)`id`;x.pt"}])
def test_no_input_is_taken_for_a_script(runner: Runner, inputs: dict[str, str]):
    runner.install("RUNNER_TEMP/clipguard")
    done = step(runner, 1, **{"model": "--help", **inputs})
    assert done.returncode == 2, done.stderr
    assert not (runner.folder / "executed").exists()


def test_the_job_for_gitlab_installs_and_runs(runner: Runner):
    (runner.folder / "bin").mkdir()
    (runner.folder / "bin/python3").write_text(PYTHON_STAND_IN)
    (runner.folder / "bin/python3").chmod(0o755)
    path = f"{runner.folder / 'bin'}:{runner.variables['PATH']}"
    given = {**GITLAB["variables"], "PATH": path, "CLIPGUARD_MODEL": "evil.pt"}
    done = runner.bash("\n".join(GITLAB["before_script"]), **given)
    assert done.stdout.splitlines()[-1] == "clipguard", done.stderr
    runner.install("clipguard-venv")
    done = runner.bash("\n".join(GITLAB["script"]), **given)
    assert done.returncode == 1
    assert "[file.pickle_exec]" in done.stderr
    report = runner.folder / GITLAB["artifacts"]["reports"]["junit"]
    assert "<failure " in report.read_text()
    assert not (runner.folder / "executed").exists()
