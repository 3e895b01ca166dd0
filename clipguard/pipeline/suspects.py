"""From what a scan found to what cleaning is told."""

from __future__ import annotations

from clipguard.cleaning.types import Concepts, Suspect
from clipguard.core.results import FamilyResult, Replay
from clipguard.probes.bench import Bench, instance
from clipguard.probes.vocabulary import PROMPT
from clipguard.triggers import rule
from clipguard.triggers.types import Variant
from clipguard.verdict.judge import reproduced

MOST = 6  # families; the weaker ones are relatives of the stronger
FIRED = 0.3  # rise in share at which a variant counts as firing


def suspects(replay: Replay, bench: Bench) -> tuple[Suspect, ...]:
    """The families that were reproduced and are not explained by their meaning, strongest first."""
    fired = [item for item in replay.families if reproduced(item) and item.natural is None]
    return tuple(_suspect(item, bench) for item in fired[:MOST])


def concepts(bench: Bench) -> Concepts:
    """The vocabulary of the scan with the prompts that it used."""
    names = bench.vocabulary.concepts
    return Concepts(names=names, texts=tuple(PROMPT.format(name) for name in names))


def _suspect(family: FamilyResult, bench: Bench) -> Suspect:
    found = rule(family.family)
    shares = {point.variant: point.share for point in family.curve}
    strongest = sorted(found.variants, key=lambda item: -shares.get(item.id, -1.0))
    fired: tuple[Variant, ...] = tuple(
        item for item in strongest if item.id == family.variant or shares.get(item.id, 0.0) >= FIRED
    )
    first = next(item for item in fired if item.id == family.variant)
    return Suspect(
        rule=found,
        variants=(first, *(item for item in fired if item is not first)),
        concept=family.concept,
        instance=instance(bench.seeds, found),
    )
