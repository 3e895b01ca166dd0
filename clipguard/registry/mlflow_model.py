"""``models:/NAME/VERSION[/FILE]`` and ``models:/NAME@ALIAS[/FILE]``: a version in MLflow.

The server is the one that MLflow's own settings name (``MLFLOW_TRACKING_URI``,
``MLFLOW_REGISTRY_URI``). Files are fetched as they are; MLflow loads none of them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from clipguard.core.errors import InputError, MachineError, RefusedError
from clipguard.core.origin import Origin
from clipguard.core.progress import Progress
from clipguard.core.text import printable
from clipguard.registry import files
from clipguard.registry.types import Resolved, malformed, unknown, unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "MLflow"
_URI = re.compile(
    r"models:/(?P<name>[^/:@]+)(?:/(?P<version>\d+)|@(?P<alias>[\w.-]+))(?:/(?P<file>.+))?"
)
_MOST_FILES = 10_000
_SHOWN = 6


@contextmanager
def opened(uri: str, *, online: bool, progress: Progress) -> Iterator[Resolved]:
    """One registered version, in a temporary folder that is removed afterwards.

    Raises:
        UsageError: the URI names no version.
        InputError: MLflow is not to be asked, does not know the version, or it holds no model.
        MachineError: MLflow is not installed.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise malformed(uri, "models:/NAME/VERSION or models:/NAME@ALIAS")
    if not online:
        raise InputError(
            "registry.offline",
            "MLflow is asked only where that is allowed",
            where=uri,
            remedy="give --online as well",
        )
    client = connect(uri)
    with answers(uri):
        version = _version(client, found["name"], found["version"], found["alias"])
        source = client.get_model_version_download_uri(version.name, version.version)
    with tempfile.TemporaryDirectory(prefix="clipguard-") as folder:
        with answers(uri):
            file = _fetch(source, uri, found["file"], Path(folder), progress)
        origin = Origin(
            registry=NAME,
            uri=f"models:/{version.name}/{version.version}" + (f"/{file}" if found["file"] else ""),
            revision=str(version.version),
            file=file,
            pinned=found["version"] is not None,
        )
        yield Resolved(str(Path(folder, file)), origin)


def connect(uri: str) -> MlflowClient:
    """A client of the server in MLflow's settings: no usage data, no bars, nothing on stdout.

    Raises:
        InputError: MLflow can do nothing with the address of the server.
        MachineError: MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")  # its own 7 take four minutes
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise MachineError(
            "env.package",
            "MLflow is not installed",
            where=uri,
            remedy="pip install 'clipguard[mlflow]'",
        ) from error
    with answers(uri):
        return MlflowClient()


@contextmanager
def answers(uri: str) -> Iterator[None]:
    """Tell in one line what MLflow or the way to it refuses."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            told = error.message.splitlines()[0]
            raise unknown(uri, told, "check name, version and MLFLOW_TRACKING_URI") from error
        raise unreachable(uri, error) from error
    except ImportError as error:
        raise MachineError(
            "env.package",
            f"MLflow lacks a package for this registry: {error}",
            where=uri,
            remedy="install it, as boto3 for files that lie in S3",
        ) from error
    except OSError as error:
        raise unreachable(uri, error) from error


def _version(client: MlflowClient, name: str, version: str | None, alias: str | None) -> Any:
    if version is not None:
        return client.get_model_version(name, version)
    return client.get_model_version_by_alias(name, str(alias))


def _fetch(source: str, uri: str, file: str | None, folder: Path, progress: Progress) -> str:
    """Fetch one model's files; the path of its weights below ``folder``."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    store = get_artifact_repository(source)
    names = sorted(_listed(store, uri))
    if file is not None and not (file in names and files.is_weights(file)):
        raise unknown(uri, f"no model file {printable(file)}", "check its name")
    place = PurePosixPath(file).parent if file else _place(names, uri)
    inside = [name for name in names if PurePosixPath(name).parent == place]
    bare = {PurePosixPath(name).name: name for name in inside}
    model = PurePosixPath(file).name if file else files.weights(bare, uri)
    wanted = [bare[name] for name in files.needed(model, bare)]
    progress.say(f"fetching {', '.join(wanted)} of {uri}")
    for name in wanted:
        store.download_artifacts(name, str(folder))
    return bare[model]


def _listed(store: Any, uri: str) -> Iterator[str]:
    """Every file of the version, with paths as the server writes them."""
    folders: list[str | None] = [None]
    seen = 0
    while folders:
        for item in store.list_artifacts(folders.pop()):
            seen += 1
            parts = PurePosixPath(item.path).parts
            if seen > _MOST_FILES or ".." in parts or item.path.startswith("/"):
                raise RefusedError(
                    "path.escape",
                    f"the registry lists too many files, or one outside: {printable(item.path)}",
                    where=uri,
                    remedy="ask whoever keeps the registry",
                )
            if item.is_dir:
                folders.append(item.path)
            else:
                yield item.path


def _place(names: list[str], uri: str) -> PurePosixPath:
    """The one folder that holds weights, as MLflow puts them below ``data``."""
    found = [name for name in names if files.is_weights(name)]
    places = {PurePosixPath(name).parent for name in found}
    if len(places) > 1:
        shown = ", ".join(printable(name) for name in found[:_SHOWN])
        raise InputError(
            "input.ambiguous",
            f"there are weights in {len(places)} folders, such as {shown}",
            where=uri,
            remedy=f"name one of them: {uri}/FILE",
        )
    return places.pop() if places else PurePosixPath(".")
