"""One model in a process of its own, and what is told when the process does not come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clipguard.core import atomic, schema
from clipguard.core.errors import ClipguardError, InputError, MachineError
from clipguard.fleet.content import digest
from clipguard.pipeline import frame
from clipguard.pipeline.requests import ModelRequest

ATTEMPTS = 2
RESULT, PAGE, LOG, AUDIT = "result.json", "report.html", "log.txt", "audit"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One model to do.

    Args:
        command: ``scan`` or ``audit``; options: those of the plan.
        model: path, relative to ``where``; sha256: what it held when it was planned.
        target: folder for the result, which does not exist yet.
        where: folder to work in.
        variables: environment variables of the process beside those of this one.
    """

    command: str
    options: tuple[str, ...]
    model: str
    sha256: str
    target: Path
    where: Path
    variables: Mapping[str, str] = field(default_factory=dict)


class Children:
    """Processes at work, so that all can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, argv: list[str], task: Task, log: Path) -> int:
        """Exit code of one process whose messages go to ``log``.

        Raises:
            InterruptedError: all were told to stop.
        """
        with log.open("wb") as file:
            with self._lock:
                if self._stopped:
                    raise InterruptedError
                child = subprocess.Popen(  # noqa: S603  # this program, without a shell
                    argv,
                    cwd=task.where,
                    env={**os.environ, **task.variables},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                )
                self._running.add(child)
            try:
                return child.wait()
            finally:
                with self._lock:
                    self._running.discard(child)

    def stop(self) -> None:
        """End those at work and let none begin."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.terminate()


def work(task: Task, children: Children | None = None) -> None:
    """Do one model; whatever happens to it, its target folder holds a result afterwards.

    A process that ends without a result is started once more.
    """
    children = children or Children()
    try:
        _require_unchanged(task)
        for _ in range(ATTEMPTS):
            if not (how := _attempt(task, children)):
                return
    except InputError as error:
        give_up(task, error)
    else:
        lose(task, how)


def lose(task: Task, how: str) -> None:
    """Record that no attempt came back."""
    error = MachineError(
        "fleet.lost",
        f"no result after {ATTEMPTS} attempts; the last process {how}",
        where=task.model,
        remedy="run the plan again; with fewer --jobs when memory is short",
    )
    give_up(task, error)


def give_up(task: Task, error: ClipguardError) -> None:
    """Record an error in place of a result."""
    request = ModelRequest(model=task.model, settings={"model": Path(task.model).name})
    with atomic.folder(task.target) as folder:
        (folder / RESULT).write_bytes(schema.dumps(frame.failure(task.command, request, error)))


def _attempt(task: Task, children: Children) -> str:
    """Keep what a process leaves if a result is among it; else tell how the process ended."""
    with atomic.workspace(task.target) as scratch:
        folder = scratch / task.target.name
        folder.mkdir()
        reports = [f"json={folder / RESULT}", f"html={folder / PAGE}"]
        argv = [sys.executable, "-m", "clipguard", task.command, *task.options]
        for report in reports:
            argv += ["--report", report]
        if task.command == "audit":
            argv += ["-o", str(folder / AUDIT)]
        code = children.run([*argv, "--", task.model], task, folder / LOG)
        if not (folder / RESULT).is_file():
            return _ending(code, folder / LOG)
        if not task.target.exists():  # another run may have been faster
            folder.replace(task.target)
    return ""


def _ending(code: int, log: Path) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    said = log.read_text(errors="replace").strip().splitlines()[-1:]
    return f"ended with {code}" + (f": {said[0]}" if said else "")


def _require_unchanged(task: Task) -> None:
    if digest(task.where / task.model)[0] != task.sha256:
        raise InputError(
            "fleet.other_model",
            "the model is not the one that was planned",
            where=task.model,
            remedy="make the plan again",
        )
