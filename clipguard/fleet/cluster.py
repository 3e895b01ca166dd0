"""The engine that hands models to Ray, on this machine or a cluster."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from clipguard.core.errors import MachineError
from clipguard.core.progress import Progress
from clipguard.fleet.work import ATTEMPTS, Task, lose, work

_ANSWER_SECONDS = 20
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_process_group_cleanup_enabled": "1",  # a lost worker takes the model's process with it
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # or it complains on stderr of agents that were left out
}
_ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's only switch to listen on loopback alone
    # On a busy machine Ray's processes take minutes to start; by default Ray ends each that is
    # not ready after half a minute or one, and begins anew for ever.
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_health_check_failure_threshold": "60",
}


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
    for name, value in (_SETTINGS | ({} if address else _ALONE)).items():
        os.environ.setdefault(name, value)  # Ray reads them when it is imported
    begun = time.monotonic()
    try:
        import ray
    except ImportError as error:
        raise MachineError(
            "fleet.ray",
            "ray is not installed",
            where="--engine ray",
            remedy="run: pip install 'clipguard[fleet]', or use --engine local",
        ) from error
    try:
        with _own_sigterm():
            if address:
                _require_listener(address)
            ray.init(
                address=address or "local",  # or RAY_ADDRESS would name a cluster
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level="ERROR",
            )
    except Exception as error:  # a start that takes too long is told by a bare Exception
        raise MachineError(
            "fleet.no_cluster",
            f"Ray cannot be used: {' '.join(str(error).split())}",
            where=f"--address {address}" if address else "--engine ray",
            remedy="check the address, see that the machine is not overloaded, or use --engine "
            "local",
        ) from error
    progress.say(f"Ray was ready after {time.monotonic() - begun:.1f} s")
    return ray


def _require_listener(address: str) -> None:
    """Ray itself tries for minutes before it says that nobody listens at a host and port."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handler: Ray sets one that ends the process with 15, an exit code of nothing."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        signal.signal(signal.SIGTERM, ours)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, ours)
