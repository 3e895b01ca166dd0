"""Several processes do what one does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipguard.core.errors import InputError
from clipguard.model.processes import Processes


def test_two_processes_equal_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = str(Path(__file__).with_name("together.py"))
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    both = [
        subprocess.Popen(
            [sys.executable, script],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=280)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[1] == ""
    found = {line.split()[0]: list(map(float, line.split()[1:])) for line in told[0].splitlines()}
    assert list(found) == ["clip", "below", "above", "cleaned"]
    for gradient, loss, size in found.values():
        assert gradient < 1e-5
        assert loss < 1e-5
        assert size > 0.1
    assert found["below"][2] != pytest.approx(found["above"][2], rel=1e-3)


def test_shares_cover_a_batch_in_order() -> None:
    for rows, count in ((11, 2), (8, 8), (9, 4)):
        rows_of = [range(rows)[Processes(rank, count).share(rows)] for rank in range(count)]
        assert [row for share in rows_of for row in share] == list(range(rows))
        assert max(map(len, rows_of)) - min(map(len, rows_of)) <= 1
    with pytest.raises(InputError, match=r"clean\.processes.*batch of 3.*4 processes"):
        Processes(0, 4).share(3)


def test_one_alone_gathers_what_it_has() -> None:
    own = torch.rand(3, 2, requires_grad=True)
    found = Processes().gather(own, 3)
    assert torch.equal(found, own)
    assert not found.requires_grad
