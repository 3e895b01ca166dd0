"""``hf://``: from the local cache without a network, from the Hub only with ``--online``."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = f"hf://org/tiny@{COMMIT}"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("uri", "pinned"), [("hf://org/tiny", False), ("hf://org/tiny@main", False), (PINNED, True)]
)
def test_the_cache_is_enough(cache, weights, clipguard, uri, pinned):
    ended = clipguard("inspect", uri, "--json")
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["inspected"]["artifact"]["sha256"] == digest(weights)
    assert answer["origin"] == {
        "registry": "Hugging Face",
        "uri": PINNED,
        "revision": COMMIT,
        "file": weights.name,
        "pinned": pinned,
    }


def test_the_guard_of_these_tests_notices_a_network(cache, clipguard):
    assert clipguard("inspect", "hf://org/tiny", "--online").returncode == 99


def test_export_records_the_commit_and_says_that_none_was_named(cache, clipguard, tmp_path):
    ended = clipguard("export", "hf://org/tiny", "-o", "out", "--json", HF_HUB_OFFLINE="1")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["origin"]["revision"] == COMMIT
    assert result["settings"]["model"] == "hf://org/tiny"
    assert f"pin it: {PINNED}" in ended.stderr
    (tmp_path / "r.json").write_text(ended.stdout)
    told = clipguard("report", "r.json", "--format", "sarif").stdout
    assert "registry.unpinned" in told
    assert PINNED in clipguard("report", "r.json", "--format", "html").stdout


def test_a_settings_file_may_name_a_uri(cache, clipguard, tmp_path):
    (tmp_path / "clipguard.toml").write_text(f'model = "{PINNED}/gone.pt"\n')
    ended = clipguard("scan")
    assert ended.returncode == 2
    assert "no model file gone.pt" in ended.stderr


@pytest.mark.parametrize(
    ("uri", "code", "told"),
    [
        ("hf://org/none", "registry.not_cached", "--online"),
        ("hf://org/tiny@v9", "registry.not_cached", "revision v9"),
        ("hf://org/tiny/modeling.py", "registry.unknown", "modeling.py"),
        ("hf://tiny", "registry.uri", "hf://ORG/NAME"),
        ("hf://org/tiny@../../etc", "registry.uri", "hf://ORG/NAME"),
        ("hf://org/a--b", "registry.uri", "hf://ORG/NAME"),
        ("hf-hub:org/tiny", "registry.scheme", "give hf://org/tiny"),
        ("https://huggingface.co/org/tiny/tree/main", "registry.scheme", "hf://org/tiny@main"),
        ("s3://bucket/model", "registry.scheme", "models:/NAME/VERSION"),
        ("models:/clip/1", "registry.offline", "--online"),
        ("models:/clip", "registry.uri", "models:/NAME@ALIAS"),
    ],
)
def test_what_leads_nowhere_is_one_line(cache, capsys, monkeypatch, uri, code, told):
    from huggingface_hub import constants

    from clipguard.cli import main

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    assert main(["inspect", uri]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert f"[{code}]" in err
    assert told in err


class Hub(BaseHTTPRequestHandler):
    """Enough of the Hub for one repository; it keeps what it was asked for."""

    files: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        type(self).asked.append(path)
        if path.startswith("/api/models/org/tiny/revision/"):
            listed = [{"rfilename": name} for name in self.files]
            self._give(json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": listed}).encode())
        elif path == f"/api/models/org/tiny/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": name}
                for name, data in self.files.items()
            ]
            self._give(json.dumps(tree).encode())
        elif path.startswith(f"/org/tiny/resolve/{COMMIT}/"):
            self._give(self.files[path.rpartition("/")[2]])
        else:
            self._give(b"{}", status=404, **{"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815  # the name that the base class looks for

    def _give(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        etag = hashlib.sha256(data).hexdigest()
        given = {"Content-Length": str(len(data)), "ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        for name, value in {**given, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub(weights: Path) -> Iterator[str]:
    Hub.asked = []
    Hub.files = {
        weights.name: weights.read_bytes(),
        "open_clip_pytorch_model.bin": b"pickle",
        "modeling.py": b"code",
        "README.md": b"card",
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_online_fetches_weights_and_nothing_else(hub, weights, clipguard):
    ended = clipguard("inspect", "hf://org/tiny", "--online", network=True, HF_ENDPOINT=hub)
    assert ended.returncode == 0, ended.stderr
    assert digest(weights) in ended.stdout
    fetched = {path.rpartition("/")[2] for path in Hub.asked if "/resolve/" in path}
    assert fetched == {weights.name}
    assert clipguard("inspect", PINNED).returncode == 0


def test_online_tells_of_what_is_not_there(hub, clipguard):
    ended = clipguard("inspect", "hf://org/none", "--online", network=True, HF_ENDPOINT=hub)
    assert ended.returncode == 2
    assert "[registry.unknown] hf://org/none: no such repository" in ended.stderr
    server_gone = clipguard(
        "inspect", "hf://org/tiny", "--online", network=True, HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert "[registry.unreachable]" in server_gone.stderr
    assert len(server_gone.stderr.splitlines()) == 1
    forbidden = clipguard("inspect", "hf://org/tiny", "--online", HF_HUB_OFFLINE="1")
    assert "[registry.offline]" in forbidden.stderr
