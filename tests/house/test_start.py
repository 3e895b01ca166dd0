"""Help costs nothing: no heavy import, little time, one table that tells the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from clipguard.cli.group import COMMANDS, group

HEAVY = ("torch", "numpy", "sklearn", "scipy", "onnx", "onnxruntime", "open_clip", "PIL", "rich")
CPU_SECONDS = 0.25

SHOW = f"""
import json, os, sys
from clipguard.cli import main
sys.stdout = open(os.devnull, "w")
code = main(sys.argv[1:])
sys.__stdout__.write(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *command, "--help"], capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [0, []]


def test_help_within_a_quarter_of_a_second_of_cpu_time():
    spent = []
    for _ in range(3):  # the first run may compile bytecode
        process = subprocess.Popen(
            [sys.executable, "-m", "clipguard", "--help"], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        spent.append(usage.ru_utime + usage.ru_stime)
    assert min(spent) <= CPU_SECONDS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    with click.Context(group) as ctx:
        command = group.get_command(ctx, name)
        assert command.name == name
        assert command.get_short_help_str(limit=200).rstrip(".") == COMMANDS[name].help.rstrip(".")
