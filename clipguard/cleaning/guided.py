"""Guided cleaning: where the trigger leads, go back.

Copies of clean pictures that carry what fired in the scan, or what inversion finds while cleaning
goes on, are pulled to where the delivered model puts the clean pictures; clean pictures are held in
place. Only the image tower moves, so embeddings stay compatible and cached text embeddings stay
valid. Captions are used only with real pairs: a contrastive loss on drawn pictures would cost more
accuracy than the backdoor does.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from clipguard.cleaning import probe
from clipguard.cleaning.dev import Dev
from clipguard.cleaning.options import GuidedSettings, flat
from clipguard.cleaning.pull import Pull, pull_of
from clipguard.cleaning.rounds import TOWER, Rounds
from clipguard.cleaning.types import CleaningTask, Outcome
from clipguard.core.errors import InputError, RefusedError
from clipguard.core.progress import Progress


@dataclass(frozen=True)
class Guided:
    """Cleaning that knows what to look for, or finds out."""

    settings: GuidedSettings

    def clean(self, task: CleaningTask) -> Outcome:
        """Pull in rounds until the triggers fail, then keep the best point.

        Raises:
            InputError: nothing is suspected and all pairs are drawn, too few pairs, or the run
                diverged.
            RefusedError: neither the scan nor inversion found anything.
        """
        if task.pairs.synthetic and not task.suspects:
            raise InputError(
                "clean.no_suspect",
                "nothing is suspected, and drawn pairs do not suffice to search for more",
                where="--method guided",
                remedy="give pairs of the model's own domain with --data",
            )
        settings = _keeping(self.settings) if task.keep_embeddings else self.settings
        dev = Dev(task, settings)
        pull = pull_of(settings, task, dev.words, dev.audited)
        rounds = Rounds(settings, task, pull, dev)
        if not task.suspects:
            _require_suspicion(settings, dev, task.progress)
        rate, explanation = _rate(settings, task, pull)
        explanation = (_guided_by(task, searches=pull.searches), *explanation)
        for sentence in explanation:
            task.progress.say(sentence)
        rounds.run(rate)
        return Outcome(
            records=tuple(rounds.records),
            settings=flat(settings) | {"steps": rounds.taken, "learning_rate": rate},
            explanation=(*explanation, *rounds.said),
            rounds=rounds.curve,
        )


def _require_suspicion(settings: GuidedSettings, dev: Dev, progress: Progress) -> None:
    """Where the scan found nothing, inversion must.

    Raises:
        RefusedError: it did not.
    """
    strayed = dev.strayed()
    progress.say(f"a small inverted window sends at most {strayed:.0%} of pictures to one concept")
    if strayed < settings.audit.suspicious:
        raise RefusedError(
            "clean.nothing_found",
            "not cleaned: the scan found no trigger, and a small inverted one sends only "
            f"{strayed:.0%} of the pictures to one concept",
            where="--method guided",
            remedy="--method par needs no suspicion, at a cost",
        )


def _keeping(settings: GuidedSettings) -> GuidedSettings:
    """Hold clean pictures harder, whosever the pairs are."""
    replace = msgspec.structs.replace
    distill = settings.keep.distill
    return replace(
        settings,
        real=replace(settings.real, distill=max(distill, settings.real.distill)),
        synthetic=replace(settings.synthetic, distill=max(distill, settings.synthetic.distill)),
    )


def _rate(
    settings: GuidedSettings, task: CleaningTask, pull: Pull
) -> tuple[float, tuple[str, ...]]:
    if task.learning_rate is not None:
        return task.learning_rate, (f"learning rate {task.learning_rate:.1e}: as given",)
    trial = pull.on_trial(task.seeds.child("probe"))
    if trial.searches:
        trial.pool.prepare(task.model, 0)  # all rates meet the same triggers, those of the start
    rungs = probe.climb(task, trial, settings.probe, settings.optimiser, prefix=TOWER)
    rate, reason = probe.pull_rate(rungs, pull.weights.probe_drift)
    return rate, (probe.table(rungs, "pull"), reason)


def _guided_by(task: CleaningTask, *, searches: bool) -> str:
    families = "; ".join(
        f"{suspect.label} ({len(suspect.variants)} variants fired)" for suspect in task.suspects
    )
    free = "" if task.pairs.synthetic else " and without a target"
    search = f"triggers inverted toward the concepts watched{free} while cleaning goes on"
    terms = (
        "clean pictures are held where the delivered model puts them"
        if task.pairs.synthetic
        else "clean pictures are held in place and matched with their captions"
    )
    found = "; and by ".join(part for part in (families, search if searches else "") if part)
    return f"guided by {found}; {terms}; the text tower stays as delivered"
