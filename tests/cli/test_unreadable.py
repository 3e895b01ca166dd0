"""Files that are no CLIP checkpoint, given to the real scan."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

LFS = """version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 605143316
"""


def classifier(path: Path) -> None:
    """A state dict with the names and shapes of a ResNet-50's first and last layers."""
    layers = {
        "conv1.weight": torch.zeros(64, 3, 7, 7),
        "bn1.weight": torch.zeros(64),
        "layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1),
        "layer4.2.conv3.weight": torch.zeros(2048, 512, 1, 1),
        "fc.weight": torch.zeros(1000, 2048),
        "fc.bias": torch.zeros(1000),
    }
    torch.save(layers, path)


def truncated(path: Path) -> None:
    """The first half of a checkpoint."""
    torch.save(nn.Linear(64, 64).state_dict(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD = {
    "empty": lambda path: path.touch(),
    "folder": lambda path: path.mkdir(),
    "html": lambda path: path.write_text("<!DOCTYPE html><html><body>404</body></html>"),
    "lfs": lambda path: path.write_text(LFS),
    "missing": lambda path: None,
    "resnet": classifier,
    "text": lambda path: path.write_text("weights are in the other folder"),
    "truncated": truncated,
}


@pytest.mark.parametrize("kind", BAD)
def test_one_line_with_a_remedy(cli, tmp_path, kind):
    path = tmp_path / f"{kind}.pt"
    BAD[kind](path)
    ended = cli("scan", "-q", path)
    result = json.loads(ended.out)
    assert (ended.code, result["exit_code"], result["status"]) == (2, 2, "error")
    assert ended.err.startswith("clipguard: error [")
    assert ended.err.count("\n") == 1
    assert kind in ended.err.split("; ", 1)[0], "the file is named"
    assert result["error"]["remedy"]
    assert ended.err.rstrip().endswith(result["error"]["remedy"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(cli, tmp_path):
    os.mkfifo(tmp_path / "model.pt")
    ended = cli("scan", "-q", tmp_path / "model.pt")
    assert ended.code == 2
    assert "not a regular file" in ended.err


def test_a_file_that_runs_code_is_a_finding(cli, tmp_path, evil):
    torch.save({"visual.proj": evil}, tmp_path / "model.pt")
    ended = cli("scan", "-q", "model.pt")
    assert ended.code == 1
    assert "[file.pickle_exec]" in ended.err
    result = json.loads(ended.out)
    assert result["status"] == "fail"
    assert [finding["rule"] for finding in result["findings"]] == ["file.pickle_exec"]
