"""The engine that hands models to Ray, on this machine or a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from clipguard.core.errors import MachineError
from clipguard.core.progress import Progress
from clipguard.fleet.work import ATTEMPTS, Task, lose, work

_ALONE = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}  # on loopback alone


def each(
    tasks: Sequence[Task],
    done: Callable[[Task], None],
    progress: Progress,
    *,
    jobs: int | None,
    address: str | None,
    gpus: int,
) -> None:
    """Do all tasks, and call ``done`` after each.

    Args:
        tasks: their folders have to be reachable under the same names from every node.
        done: called in this process.
        progress: told how long Ray took to start.
        jobs: so many at a time; None: as many as there are CPUs and GPUs for.
        address: of a running cluster; None: Ray is started here for the time of the call.
        gpus: that one model takes, beside one CPU.

    Raises:
        MachineError: Ray is not installed, or cannot be reached.
    """
    ray = _started(address, progress)
    try:
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=ATTEMPTS - 1)(work)
        waiting = list(reversed(tasks))
        running: dict[object, Task] = {}
        while waiting or running:
            while waiting and (jobs is None or len(running) < jobs):
                task = waiting.pop()
                running[remote.remote(task)] = task
            ready, _ = ray.wait(list(running))
            for reference in ready:
                task = running.pop(reference)
                try:
                    ray.get(reference)
                except ray.exceptions.RayError as error:
                    if not task.target.exists():
                        lose(task, f"was lost by Ray ({type(error).__name__})")
                done(task)
    finally:
        ray.shutdown()


def _started(address: str | None, progress: Progress):  # type: ignore[no-untyped-def]  # a module
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise MachineError(
            "fleet.ray",
            "ray is not installed",
            where="--engine ray",
            remedy="run: pip install 'clipguard[fleet]', or use --engine local",
        ) from error
    begun = time.monotonic()
    try:
        ray.init(address=address, log_to_driver=False, **({} if address else _ALONE))
    except Exception as error:  # a start that takes too long is told by a bare Exception
        raise MachineError(
            "fleet.no_cluster",
            f"Ray cannot be used: {error}",
            where=f"--address {address}" if address else "--engine ray",
            remedy="check the address, see that the machine is not overloaded, or use --engine "
            "local",
        ) from error
    progress.say(f"Ray was ready after {time.monotonic() - begun:.1f} s")
    return ray
