"""Which learning rate? A few steps at rising rates, each on a copy that is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import acos, cos, log, pi
from statistics import fmean

from clipguard.cleaning.journal import Journal
from clipguard.cleaning.loop import Objective, Plan, Run, descend, optimiser, trainable
from clipguard.cleaning.options import OptimiserSettings, ProbeSettings
from clipguard.cleaning.types import CleaningTask
from clipguard.core.errors import InputError

TAIL = 3
# An angle below this is rounding; growth cannot be read from it.
NOISE_FLOOR = 1e-4
# Distance grows with the root of time for a random walk and with time for a straight one.
GROWTH = (0.5, 1.0)


@dataclass(frozen=True)
class Rung:
    """One learning rate, tried.

    ``half`` and ``drift`` are the image drifts in the middle and at the end of the ``steps``;
    ``watched`` the mean of the method's figure over the last steps. ``failure`` is empty when all
    went well.
    """

    rate: float
    steps: int
    half: float
    drift: float
    watched: float
    failure: str = ""


def climb(
    task: CleaningTask,
    objective: Objective,
    settings: ProbeSettings,
    optimiser_settings: OptimiserSettings,
    prefix: str = "",
) -> tuple[Rung, ...]:
    """Try rising rates until one diverges; what the task's journal holds is not tried again.

    Args:
        task: its model is left as it is.
        objective: the method's loss.
        settings: rates and steps.
        optimiser_settings: as in the run that follows.
        prefix: which weights move.
    """

    def tried() -> list[dict[str, object]]:
        rungs: list[Rung] = []
        for rate in settings.rates:
            trial = replace(task, model=task.model.copy(), journal=Journal())
            plan = Plan(
                title=f"trying learning rate {rate:.1e}",
                rates=(rate,) * settings.steps,
            )
            weights = optimiser(trainable(trial.model, prefix), optimiser_settings)
            rungs.append(_rung(rate, settings.steps, descend(trial, weights, objective, plan)))
            if rungs[-1].failure:
                break
        return [asdict(rung) for rung in rungs]

    return tuple(Rung(**rung) for rung in task.journal.once("probe", tried))


def push_rate(rungs: Sequence[Rung], tau: float, shares: Sequence[float]) -> tuple[float, str]:
    """The lowest rate whose drift is expected to reach ``tau`` within the given steps.

    Args:
        rungs: as tried, at constant rates.
        tau: drift to be reached.
        shares: the schedule's rate in each of those steps, as a share of its peak.

    Returns:
        The rate, and the reason in one sentence. When no rate is expected to reach ``tau``, the
        highest usable one.

    Raises:
        InputError: even the lowest rate diverged.
    """
    usable = _usable(rungs)
    needed = sum(shares)
    for rung in usable:
        if expected_drift(rung, needed) >= tau:
            return rung.rate, (
                f"learning rate {rung.rate:.1e}: the lowest that is expected to push pictures to "
                f"tau = {tau:g} within the first {len(shares)} steps"
            )
    return usable[-1].rate, (
        f"learning rate {usable[-1].rate:.1e}: the highest usable one; it is expected to reach a "
        f"drift of only {expected_drift(usable[-1], needed):.2f} of tau = {tau:g} within the first "
        f"{len(shares)} steps, more steps would push further"
    )


def pull_rate(rungs: Sequence[Rung], max_drift: float) -> tuple[float, str]:
    """The rate that brought the watched figure down most without too much drift, and the reason.

    The drift that counts is that at the end: the first steps jump, and come back.

    Raises:
        InputError: even the lowest rate diverged.
    """
    usable = _usable(rungs)
    calm = [rung for rung in usable if rung.drift <= max_drift]
    best = min(calm or usable[:1], key=lambda rung: (rung.watched, rung.rate))
    return best.rate, (
        f"learning rate {best.rate:.1e}: of the rates whose clean pictures drift by at most "
        f"{max_drift:g}, the one that takes the triggers' effect away fastest"
        if calm
        else f"learning rate {best.rate:.1e}: the lowest, though clean pictures drift by "
        f"{best.drift:.3f}, past {max_drift:g}"
    )


def expected_drift(rung: Rung, steps: float) -> float:
    """Image drift after ``steps`` steps at a rung's rate.

    The angle between delivered and cleaned embedding is taken to go on growing with the power of
    time that it had between half and end; unlike the squared distance, it does not level off by
    geometry alone.
    """
    half, end = _angle(rung.half), _angle(rung.drift)
    growth = log(end / half) / log(2) if half > NOISE_FLOOR else GROWTH[1]
    growth = min(max(growth, GROWTH[0]), GROWTH[1])
    return 2 - 2 * cos(min(end * (steps / rung.steps) ** growth, pi))


def _angle(drift: float) -> float:
    """Squared distance of unit vectors as an angle, 0..pi."""
    return acos(min(max(1 - drift / 2, -1.0), 1.0))


def table(rungs: Sequence[Rung], watched: str) -> str:
    """The rungs in words."""
    rows = []
    for rung in rungs:
        measured = f"drift {rung.drift:.4f}, {watched} {rung.watched:.3f}"
        rows.append(f"{rung.rate:.1e}: {rung.failure or measured}")
    return f"learning rates tried on a copy for {rungs[0].steps} steps each: " + "; ".join(rows)


def _rung(rate: float, steps: int, run: Run) -> Rung:
    if run.failure:
        return Rung(rate, steps, 0.0, 0.0, 0.0, run.failure)
    # The drift of a record is that of the weights before its step.
    drifts = [record.image_drift for record in run.records]
    return Rung(rate, steps - 1, drifts[(steps - 1) // 2], drifts[-1], fmean(run.watched[-TAIL:]))


def _usable(rungs: Sequence[Rung]) -> list[Rung]:
    usable = [rung for rung in rungs if not rung.failure]
    if not usable:
        raise InputError(
            "clean.diverged",
            f"cleaning diverged at the lowest learning rate tried, {rungs[0].rate:.1e}: "
            f"{rungs[0].failure}",
            remedy="give a smaller --learning-rate",
        )
    return usable
