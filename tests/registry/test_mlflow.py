"""``models:/`` against a real MLflow server on SQLite; skipped where MLflow is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clipguard.registry import resolved

for module in ("mlflow", "flask", "sqlalchemy"):  # the server needs more than the client
    pytest.importorskip(module)

SLOWEST_START = 600  # seconds; a busy machine imports a long time, and a test may take 900


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    quiet = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # ten processes fewer
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command, env=quiet, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait(process, uri, folder / "log")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # a polite end takes half a minute
        process.wait()


def _wait(process: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    end = time.monotonic() + SLOWEST_START
    while time.monotonic() < end and process.poll() is None:
        if _healthy(uri):
            return
        time.sleep(0.5)
    pytest.fail(f"no server: {log.read_text()[-2000:]}")


def _healthy(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=5):  # noqa: S310  # on loopback
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def client(server: str, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A registry in which version 1 of ``clip`` holds weights and, beside them, code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        client = MlflowClient()
        run = client.create_run("0").info
        client.log_artifact(run.run_id, str(weights), "model/data")
        code = tmp_path_factory.mktemp("code") / "loader.py"
        code.write_text("raise SystemExit('code ran')")
        client.log_artifact(run.run_id, str(code), "model")
        client.create_registered_model("clip")
        client.create_model_version("clip", f"{run.artifact_uri}/model", run.run_id)
        client.set_registered_model_alias("clip", "candidate", "1")
        client.log_artifact(run.run_id, str(weights), "wrapped/artifacts")
        (code.parent / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        client.log_artifact(run.run_id, str(code.parent / "python_model.pkl"), "wrapped")
        client.create_model_version("clip", f"{run.artifact_uri}/wrapped", run.run_id)
        client.create_model_version("clip", "s3://bucket/clip", run.run_id)
        yield client


@pytest.mark.parametrize(
    ("uri", "pinned"), [("models:/clip/1", True), ("models:/clip@candidate", False)]
)
def test_a_version_is_fetched_and_removed(client, weights, uri, pinned):
    from clipguard.core.progress import SILENT

    with resolved(uri, online=True, progress=SILENT) as found:
        path = Path(found.path)
        assert path.read_bytes() == weights.read_bytes()
        below = path.parents[1]
        assert [file.name for file in below.rglob("*") if file.is_file()] == [weights.name]
    assert not below.exists()
    assert (found.origin.uri, found.origin.revision) == ("models:/clip/1", "1")
    assert found.origin.pinned is pinned


@pytest.mark.parametrize(
    "uri", ["models:/clip/9", "models:/none/1", "models:/clip@none", "models:/clip/1/loader.py"]
)
def test_what_is_not_there_is_one_line(client, uri, capsys):
    from clipguard.cli import main

    assert main(["inspect", uri, "--online"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"clipguard: error [registry.unknown] {uri}: ")
    assert len(err.splitlines()) == 1


def test_several_folders_with_weights_are_told_apart(client, weights, capsys):
    from clipguard.cli import main

    assert main(["inspect", "models:/clip/2", "--online"]) == 2
    err = capsys.readouterr().err
    assert "[input.ambiguous] models:/clip/2: " in err
    assert f"artifacts/{weights.name}, python_model.pkl" in err
    assert main(["inspect", f"models:/clip/2/artifacts/{weights.name}", "--online"]) == 0


@pytest.mark.skipif(bool(importlib.util.find_spec("boto3")), reason="needs storage out of reach")
def test_storage_without_its_package_is_one_line(client, capsys):
    from clipguard.cli import main

    assert main(["inspect", "models:/clip/3", "--online"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("clipguard: error [env.package] models:/clip/3: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "code"),
    [("nowhere://at-all", "registry.unknown"), ("http://127.0.0.1:9", "registry.unreachable")],
)
def test_no_server_is_one_line(monkeypatch, capsys, address, code):
    from clipguard.cli import main

    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main(["inspect", "models:/clip/1", "--online"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"clipguard: error [{code}] models:/clip/1: ")
    assert len(err.splitlines()) == 1


def test_the_alias_follows_the_verdict(client, monkeypatch, capsys):
    from clipguard.cli import main
    from clipguard.pipeline import scan

    build = _builders()
    found = build.shapes()["backdoored"].delivered
    clean = replace(found, verdict=replace(found.verdict, outcome=build.Outcome.NO_EVIDENCE))

    class Probed:
        scan = clean

    monkeypatch.setattr(scan, "probe", lambda *_: Probed)
    command = ["scan", "models:/clip/1", "--online", "--log-to", "mlflow", "-q"]
    command += ["--alias-if-passed", "audited"]
    assert main(command) == 0
    version = client.get_model_version_by_alias("clip", "audited")
    assert version.version == "1"
    assert version.tags["clipguard.verdict"] == "no_evidence"
    assert version.tags["clipguard.sha256"] == clean.subject.artifact.sha256
    run = version.tags["clipguard.run_id"]
    assert {item.path for item in client.list_artifacts(run)} == {"report.html", "result.json"}

    Probed.scan = found
    capsys.readouterr()
    assert main(command) == 1
    version = client.get_model_version("clip", "1")
    assert version.tags["clipguard.verdict"] == "backdoored"
    assert version.tags["clipguard.passed"] == "false"
    assert version.aliases == ["candidate"]
    assert json.loads(capsys.readouterr().out)["origin"]["uri"] == "models:/clip/1"


def _builders() -> ModuleType:
    path = Path(__file__).parents[1] / "report" / "builders.py"
    spec = importlib.util.spec_from_file_location("registry_builders", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
