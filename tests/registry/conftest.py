"""A small model, a Hugging Face cache that holds it, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clipguard.core import resources

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example model as safetensors."""
    state = torch.load(resources.examples("clean-base", "model.pt"), weights_only=True)
    state = state.get("state_dict", state)
    path = tmp_path_factory.mktemp("weights") / "open_clip_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.fixture
def cache(tmp_path: Path, weights: Path) -> Path:
    """The cache as huggingface_hub makes it: blobs, links to them, and a branch."""
    home = tmp_path / "hub"
    repository = home / "models--org--tiny"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "blobs" / "aa").write_bytes(weights.read_bytes())
    (snapshot / weights.name).symlink_to("../../blobs/aa")
    (snapshot / "open_clip_pytorch_model.bin").write_bytes(b"never to be read")
    (snapshot / "modeling.py").write_text("raise SystemExit('code ran')")
    return home


# Any attempt to look up or reach another machine ends the process with its own code.
_NO_NETWORK = """
import os, socket, sys
def refuse(*_, **__): os._exit(99)
socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = refuse
"""
_RUN = "import sys\nfrom clipguard.cli import main\nsys.exit(main(sys.argv[1:]))\n"


@pytest.fixture
def clipguard(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line in a process of its own, without a network unless ``network``."""

    def run(
        *arguments: object, network: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", ("" if network else _NO_NETWORK) + _RUN, *map(str, arguments)],
            env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run
