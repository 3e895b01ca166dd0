"""The engine without further packages: so many processes on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from clipguard.fleet.work import Children, Task, work


def each(tasks: Sequence[Task], jobs: int, done: Callable[[Task], None]) -> None:
    """Do all tasks, ``jobs`` at a time, and call ``done`` after each, in this thread."""
    children, variables = Children(), _threads(jobs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            running = {
                pool.submit(work, replace(task, variables=variables), children): task
                for task in tasks
            }
            for future in as_completed(running):
                future.result()
                done(running[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop()
            raise


def _threads(jobs: int) -> dict[str, str]:
    """Processes side by side share the cores, or they would wait for one another."""
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
