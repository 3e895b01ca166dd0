"""What MLflow is told of a version that was scanned: a run with the report, tags, an alias."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clipguard.core.origin import Origin
from clipguard.core.results import Result
from clipguard.registry.mlflow_model import answers, connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "clipguard"


def log(result: Result, reports: Mapping[str, bytes], alias: str | None) -> None:
    """Log a result at the version that it is about.

    A run in the experiment ``clipguard`` receives the reports, the version receives tags. An alias
    is moved to the version when it passed; it is taken away when it points to this version and
    the version did not pass.

    Args:
        result: with its origin in MLflow; without one there is nothing to log.
        reports: name of file -> content.
        alias: what to call a version that passed; None: no alias is touched.

    Raises:
        ClipguardError: MLflow refuses or gives no answer.
    """
    origin = result.origin
    if origin is None:
        return
    name, version = _version(origin)
    client = connect(origin.uri)
    with answers(origin.uri):
        if alias is not None and not passed(result):
            _withdraw(client, name, version, alias)
        run = _run(client, result, origin, reports)
        for key, value in {**tags(result), "clipguard.run_id": run}.items():
            client.set_model_version_tag(name, version, key, value)
        if alias is not None and passed(result):
            client.set_registered_model_alias(name, alias, version)


def passed(result: Result) -> bool:
    """Whether the registered version itself may be used: a repaired copy of it does not count."""
    return result.status == "pass" and result.complete and result.cleaning is None


def tags(result: Result) -> dict[str, str]:
    """Tags of the version; one that could not be judged has no likelihood and says ``none``."""
    scan = result.delivered
    likelihood = scan.verdict.likelihood if scan else None
    return {
        "clipguard.verdict": scan.verdict.outcome.value if scan else "refused",
        "clipguard.status": result.status,
        "clipguard.passed": str(passed(result)).lower(),
        "clipguard.likelihood": "none" if likelihood is None else f"{likelihood:.6f}",
        "clipguard.sha256": scan.subject.artifact.sha256 if scan else "none",
        "clipguard.version": result.tool.version,
    }


def _version(origin: Origin) -> tuple[str, str]:
    return origin.uri.removeprefix("models:/").split("/")[0], origin.revision


def _withdraw(client: MlflowClient, name: str, version: str, alias: str) -> None:
    here = client.get_model_version(name, version)
    if alias in here.aliases:
        client.delete_registered_model_alias(name, alias)


def _run(client: MlflowClient, result: Result, origin: Origin, reports: Mapping[str, bytes]) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    place = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    name = f"{result.command} of {origin.uri.removeprefix('models:/')}"
    run = client.create_run(place, run_name=name, tags=tags(result)).info.run_id
    with tempfile.TemporaryDirectory(prefix="clipguard-") as folder:
        for file, data in reports.items():
            Path(folder, file).write_bytes(data)
            client.log_artifact(run, str(Path(folder, file)))
    client.set_terminated(run)
    return str(run)
