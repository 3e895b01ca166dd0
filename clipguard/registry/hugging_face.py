"""``hf://ORG/NAME[@REVISION][/FILE]``: the local cache of huggingface_hub, and the Hub if allowed.

A token is never an option: huggingface_hub takes it from ``HF_TOKEN`` or its own login. It also
honours ``HF_HUB_OFFLINE``, ``HF_ENDPOINT`` and ``HF_HOME``.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clipguard.core.errors import ClipguardError, InputError
from clipguard.core.origin import Origin
from clipguard.core.progress import Progress
from clipguard.registry import files
from clipguard.registry.types import Resolved, malformed, unknown, unreachable

_WORD = r"[A-Za-z0-9][\w.-]*"
_URI = re.compile(
    rf"hf://(?P<name>{_WORD}/{_WORD})(?:@(?P<revision>refs/pr/\d+|{_WORD}))?(?:/(?P<file>{_WORD}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class _Place:
    """What a URI says."""

    uri: str
    name: str
    revision: str
    file: str | None


@contextmanager
def opened(uri: str, *, online: bool, progress: Progress) -> Iterator[Resolved]:
    """One file of a repository, in the snapshot of one commit.

    The cache stays as it is without ``online``; with it, what is missing is fetched into it.

    Raises:
        UsageError: the URI names no repository.
        InputError: it is not in the cache or not on the Hub, or holds no model.
    """
    place = _parsed(uri)
    folder = _fetched(place, progress) if online else _cached(place)
    names = {entry.name for entry in folder.iterdir() if entry.is_file()}
    file, commit = _weights(place, names), folder.name
    origin = Origin(
        registry="Hugging Face",
        uri=f"hf://{place.name}@{commit}" + (f"/{file}" if place.file else ""),
        revision=commit,
        file=file,
        pinned=place.revision == commit,
    )
    yield Resolved(str(folder / file), origin)


def _parsed(uri: str) -> _Place:
    found = _URI.fullmatch(uri)
    if found is None:
        raise malformed(uri, "hf://ORG/NAME, hf://ORG/NAME@COMMIT or hf://ORG/NAME@COMMIT/FILE")
    return _Place(uri, found["name"], found["revision"] or "main", found["file"])


def _weights(place: _Place, names: set[str]) -> str:
    if place.file is None:
        return files.weights(names, place.uri)
    if place.file not in names or not files.is_weights(place.file):
        raise unknown(place.uri, f"no model file {place.file}", "check its name")
    return place.file


def _cached(place: _Place) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:  # no patterns: what else of the snapshot is there does not matter
        return Path(
            snapshot_download(
                place.name, revision=place.revision, local_files_only=True, allow_patterns=[]
            )
        )
    except HFValidationError as error:
        raise malformed(place.uri, "hf://ORG/NAME@COMMIT") from error
    except LocalEntryNotFoundError as error:
        raise InputError(
            "registry.not_cached",
            f"revision {place.revision} is not in the local Hugging Face cache",
            where=place.uri,
            remedy="fetch it with --online",
        ) from error


def _fetched(place: _Place, progress: Progress) -> Path:
    """The snapshot with what is needed of it; nothing else leaves the Hub."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        listed = HfApi().model_info(place.name, revision=place.revision)
        names = {item.rfilename for item in listed.siblings or () if "/" not in item.rfilename}
        wanted = files.needed(_weights(place, names), names)
        progress.say(f"fetching {', '.join(wanted)} of {place.name}, commit {listed.sha}")
        return Path(
            snapshot_download(
                place.name,
                revision=place.revision,
                allow_patterns=[glob.escape(name) for name in wanted],
            )
        )
    except ClipguardError:
        raise
    except HFValidationError as error:
        raise malformed(place.uri, "hf://ORG/NAME@COMMIT") from error
    except GatedRepoError as error:
        raise unknown(
            place.uri, "access is restricted", "accept its terms and set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise unknown(
            place.uri, f"no revision {place.revision}", "check the branch, tag or commit"
        ) from error
    except RepositoryNotFoundError as error:
        raise unknown(
            place.uri, "no such repository", "check its name; for a private one set HF_TOKEN"
        ) from error
    except OfflineModeIsEnabled as error:
        raise InputError(
            "registry.offline",
            "HF_HUB_OFFLINE forbids what --online allows",
            where=place.uri,
            remedy="unset it, or leave --online out",
        ) from error
    except Exception as error:  # whatever the HTTP library of the day raises
        raise unreachable(place.uri, error) from error
