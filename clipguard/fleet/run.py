"""Do what a plan asks for and is not there yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipguard.core import atomic
from clipguard.core.progress import SILENT, Progress
from clipguard.fleet import cluster, local
from clipguard.fleet.merge import keeps, row
from clipguard.fleet.plan import Member, Plan
from clipguard.fleet.work import Task


@dataclass(frozen=True, kw_only=True)
class How:
    """The way to run a plan.

    Args:
        output: folder of results.
        jobs: models at work at a time; None: one, or under Ray as many as it has room for.
        engine: ``local`` or ``ray``; address: of a cluster of Ray.
        gpus: that one model takes.
    """

    output: Path
    jobs: int | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    gpus: int = 0


def run(plan: Plan, members: Sequence[Member], how: How, progress: Progress = SILENT) -> None:
    """Do the members whose results are not in the output folder.

    Models of equal content are done once. What is finished stays when this is stopped.

    Raises:
        ClipguardError: nothing can be written, a result there is damaged, or the engine is missing.
    """
    with atomic.explained(how.output):
        how.output.mkdir(parents=True, exist_ok=True)
    wanted = {item.key: item for item in members}
    missing = [item for item in wanted.values() if not keeps(how.output / item.key)]
    progress.say(_told(len(wanted) - len(missing), len(missing)))
    if not missing:
        return
    tasks = [_task(plan, item, how.output) for item in missing]
    keys = {task.target: wanted[task.target.name] for task in tasks}
    with progress.stage("models", len(tasks)) as stage:

        def done(task: Task) -> None:
            stage.advance()
            ended = row(keys[task.target], how.output)
            progress.say(f"{ended.model}: {ended.exit_code}, {ended.verdict}")

        _engine(how, tasks, done, progress)


def _engine(
    how: How, tasks: Sequence[Task], done: Callable[[Task], None], progress: Progress
) -> None:
    if how.engine == "ray":
        cluster.each(tasks, done, progress, jobs=how.jobs, address=how.address, gpus=how.gpus)
    else:
        local.each(tasks, how.jobs or 1, done)


def _task(plan: Plan, item: Member, output: Path) -> Task:
    """A folder that is there holds an error of the fleet's own, and makes room."""
    target = output.absolute() / item.key
    shutil.rmtree(target, ignore_errors=True)
    return Task(
        command=plan.asked.command,
        options=plan.asked.options,
        model=item.model,
        sha256=item.sha256,
        target=target,
        where=Path.cwd(),
    )


def _told(there: int, missing: int) -> str:
    if not missing:
        return f"all {there} results are there already; nothing to do"
    kept = f"{there} results are there already and stay; " if there else ""
    return f"{kept}{missing} to do"
