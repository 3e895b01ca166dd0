"""open_clip beside a torchvision that was built for another torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from clipguard.core.errors import MachineError
from clipguard.model import compat

FRESH = """
import json, sys
from clipguard.model import compat
repair = compat.repair_torchvision()
package = compat.open_clip()
import torch, torchvision
mean = float(torchvision.transforms.functional.resize(torch.ones(3, 8, 8), [4, 4]).mean())
try:
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    called = "ran"
except Exception as error:
    called = type(error).__name__
json.dump([repair.status, repair.cause, package.__name__, mean, called], sys.stdout)
"""


def test_a_fresh_process_gets_open_clip():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, check=True)
    status, cause, name, mean, called = json.loads(done.stdout)
    assert (name, mean) == ("open_clip", 1.0)
    if status == "native":
        assert (cause, called) == ("", "ran")
    else:
        assert status == "shimmed"
        assert cause
        assert called in {"RuntimeError", "NotImplementedError"}, "no silent wrong answer"


def test_without_torchvision(monkeypatch):
    monkeypatch.setattr(compat, "find_spec", lambda name: None)
    compat.repair_torchvision.cache_clear()
    assert compat.repair_torchvision().status == "absent"
    compat.repair_torchvision.cache_clear()


def test_an_open_clip_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MachineError, match="clipguard doctor"):
        compat.open_clip()


@pytest.mark.parametrize("version", ["1.13.1", "2.9.1+cu128", "2.9.0a0+git1234"])
def test_old_torch_is_refused(version):
    with pytest.raises(MachineError, match=r"env\.torch_old"):
        compat.require_torch(version)


@pytest.mark.parametrize("version", ["2.10.0", "2.13.0+cpu", "3.0"])
def test_newer_torch_is_taken(version):
    compat.require_torch(version)


def test_devices():
    compat.require_device("cpu")
    for name in ("toaster", "cuda:99", "meta"):
        with pytest.raises(MachineError, match=rf"--device {name}"):
            compat.require_device(name)
