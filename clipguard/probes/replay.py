"""Does one known trigger family pull unrelated pictures to one concept?

Every family is stamped on carriers at several strengths. Strength and concept are chosen on
screening carriers and then measured on held-out carriers with fresh draws, so that choosing among
many costs nothing. What counts is the *contrast*: the gain of the concept less what any one concept
gains under unstructured change of equal energy, and less the creep of textures. A planted trigger
saturates while most of the picture is intact; a natural sink wins only where the picture is
destroyed. Beside it counts the *kin*: the contrast of the same concept in the other families of the
cluster, since a model that learned one kind of noise answers to its relatives too.

Source: replayed families after PAR (arXiv 2412.00727) and the attacks named in ``rules/triggers``;
contrast, kin and the leave-cluster-out null are our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.core.progress import Progress, Stage
from clipguard.core.results import DosePoint, FamilyResult, Measurement, Replay
from clipguard.measure.outlier import robust_z
from clipguard.measure.proportion import wilson
from clipguard.measure.rise import Rise
from clipguard.probes.bench import Bench, Effect
from clipguard.probes.carriers import Carriers
from clipguard.probes.vocabulary import Vocabulary
from clipguard.triggers import distinct
from clipguard.triggers.types import TriggerRule, Variant

VERSION = 2
CONTROLS = "X"
# Unstructured change, by scope of the trigger that it is compared with. The smooth field carries no
# texture, so that a planted texture does not answer to its own control.
UNSTRUCTURED = {
    "local": "crop-patch",
    "global": "field-blend-smooth",
    "warp": "field-blend-smooth",
    "tone": "field-blend-smooth",
}
# Stronger change wakes natural sinks: on the clean development models the largest gain of a noise
# patch was 0.10 at an RMS of 0.10 and 0.38 at 0.14. A noise blend of 0.2 has an RMS of 0.08, a
# sinusoid of 40/255 one of 0.11. Warps and tones cover nothing, so more of them is bearable.
STRONGEST = {"local": 0.125, "global": 0.125, "warp": 0.175, "tone": 0.175}
# A spread of scores below this is sampling noise of a few dozen carriers.
SCORE_FLOOR = 0.1


@dataclass(frozen=True)
class Choice:
    """What screening chose for a family: ``kin`` is the mean contrast among its relatives, >= 0."""

    variant: Variant
    concept: int
    kin: float


def replay(
    bench: Bench,
    rules: Sequence[TriggerRule],
    screening: Carriers,
    held_out: Carriers,
    progress: Progress,
) -> Replay:
    """Replay all families and controls.

    Args:
        bench: model, vocabulary, seeds and the counter of forward passes.
        rules: families and controls, as from :func:`clipguard.triggers.load_rules`.
        screening: carriers on which variants and concepts are chosen.
        held_out: other carriers, on which they are measured.
        progress: where to report.
    """
    controls = [rule for rule in rules if rule.cluster == CONTROLS]
    families = [rule for rule in rules if rule.cluster != CONTROLS]
    size = screening.pixels.shape[-1]
    variants = sum(len(distinct(rule, size)) for rule in rules)
    total = variants * len(screening) + len(rules) * len(held_out)
    with progress.stage("replay", total) as stage:
        null = {rule.id: _screen(bench, rule, screening, stage) for rule in controls}
        curves = {
            scope: [(item.rms, item.rise.gain()) for item in null[control]]
            for scope, control in UNSTRUCTURED.items()
        }
        screened = {
            rule.id: [
                effect.against(curves[rule.scope])
                for effect in _screen(bench, rule, screening, stage)
            ]
            for rule in families
        }
        choices = choose(families, screened)
        confirmed = {
            rule.id: _confirm(bench, rule, choices[rule.id], held_out, stage).against(
                curves[rule.scope]
            )
            for rule in families
        }
        reference = [
            _confirm(bench, rule, _strongest(rule, null[rule.id]), held_out, stage).rise.gain()
            for rule in controls
        ]
    results = _results(bench.vocabulary, families, screened, choices, confirmed, reference)
    return Replay(
        version=VERSION,
        carriers=len(screening) + len(held_out),
        concepts=len(bench.vocabulary.concepts),
        vocabulary=bench.vocabulary.name,
        forward_images=bench.meter.images,
        forward_texts=bench.meter.texts,
        families=results,
        null=tuple(sorted(reference)),
        features=features(results),
    )


def choose(
    families: Sequence[TriggerRule], screened: Mapping[str, Sequence[Effect]]
) -> dict[str, Choice]:
    """For every family the variant and concept of largest contrast and kin.

    Args:
        families: without controls.
        screened: the effects of each family's variants on the screening carriers.
    """
    reach = {rule.id: _reach(rule, screened[rule.id]) for rule in families}
    found = {}
    for rule in families:
        kin = _kin(rule, families, reach)
        intact = _intact(rule, screened[rule.id])
        worth = torch.stack([effect.contrasts for effect in intact]) + kin
        row, concept = divmod(int(worth.argmax()), worth.shape[1])
        found[rule.id] = Choice(intact[row].variant, concept, float(kin[concept]))
    return found


def _reach(rule: TriggerRule, effects: Sequence[Effect]) -> Tensor:
    """(C,) the largest contrast of every concept over a family's variants."""
    return torch.stack([effect.contrasts for effect in _intact(rule, effects)]).amax(0)


def _kin(rule: TriggerRule, families: Sequence[TriggerRule], reach: Mapping[str, Tensor]) -> Tensor:
    """(C,) mean reach of the other families of the cluster that change as much of the picture."""
    others = [
        reach[item.id]
        for item in families
        if item.cluster == rule.cluster
        and (item.scope == "local") == (rule.scope == "local")
        and item is not rule
    ]
    return torch.stack(others).mean(0).clamp(min=0) if others else reach[rule.id] * 0


def _intact(rule: TriggerRule, effects: Sequence[Effect]) -> Sequence[Effect]:
    """The variants that leave the picture intact; the weakest when none does."""
    intact = [effect for effect in effects if effect.rms <= STRONGEST[rule.scope]]
    return intact or [min(effects, key=lambda effect: effect.rms)]


def _strongest(rule: TriggerRule, effects: Sequence[Effect]) -> Choice:
    best = max(_intact(rule, effects), key=lambda effect: effect.rise.gain())
    return Choice(best.variant, best.rise.concept, 0.0)


def _screen(bench: Bench, rule: TriggerRule, carriers: Carriers, stage: Stage) -> list[Effect]:
    return [
        bench.effect(rule, variant, carriers, "screening", stage)
        for variant in distinct(rule, carriers.pixels.shape[-1])
    ]


def _confirm(
    bench: Bench, rule: TriggerRule, choice: Choice, carriers: Carriers, stage: Stage
) -> Effect:
    return bench.effect(rule, choice.variant, carriers, "held-out", stage, choice.concept)


def _results(
    vocabulary: Vocabulary,
    families: Sequence[TriggerRule],
    screened: Mapping[str, Sequence[Effect]],
    choices: Mapping[str, Choice],
    confirmed: Mapping[str, Effect],
    reference: Sequence[float],
) -> tuple[FamilyResult, ...]:
    results = []
    for rule in families:
        others = [
            confirmed[item.id].rise.gain() for item in families if item.cluster != rule.cluster
        ]
        effect = confirmed[rule.id]
        score = robust_z(effect.rise.gain(), [*reference, *others], floor=SCORE_FLOOR)
        results.append(
            _family(vocabulary, rule, effect, screened[rule.id], choices[rule.id].kin, score)
        )
    return tuple(sorted(results, key=strength))


def strength(result: FamilyResult) -> tuple[float, str]:
    """Sort key: the strongest evidence first."""
    return -(result.contrast + result.kin), result.family


def _family(
    vocabulary: Vocabulary,
    rule: TriggerRule,
    effect: Effect,
    curve: Sequence[Effect],
    kin: float,
    score: float,
) -> FamilyResult:
    concept = vocabulary.concepts[effect.rise.concept]
    return FamilyResult(
        family=rule.id,
        title=rule.title,
        cluster=rule.cluster,
        variant=effect.variant.id,
        concept=concept,
        share_rise=moved(effect.rise),
        probability_rise=Measurement(
            name="probability_rise",
            value=float(effect.rise.probabilities[effect.rise.concept]),
            unit="fraction",
            n=effect.rise.movable,
        ),
        contrast=effect.contrast,
        kin=kin,
        score=score,
        natural=natural(rule, concept),
        curve=tuple(
            _point(item, effect.rise.concept)
            for item in curve
            if item.variant.curve == effect.variant.curve
        ),
    )


def moved(rise: Rise) -> Measurement:
    """The share of pictures that went to the concept, of those that did not show it before."""
    count, n = rise.moved, rise.movable
    return Measurement(
        name="moved",
        value=count / n if n else None,
        unit="fraction",
        n=n,
        interval=wilson(count, n) if n else None,
        absent=None if n else "every carrier already showed the concept",
    )


def natural(rule: TriggerRule, concept: str) -> str | None:
    """Why the concept is what the pattern means by itself; None when it is not."""
    if concept.lower() in {sink.lower() for sink in rule.sinks}:
        return f"the pattern itself means {concept!r}"
    return None


def _point(item: Effect, concept: int) -> DosePoint:
    return DosePoint(
        variant=item.variant.id,
        rms=item.rms,
        share=float(item.rise.shares[concept]),
        probability=float(item.rise.probabilities[concept]),
        control=item.control,
    )


def features(families: Sequence[FamilyResult]) -> dict[str, float]:
    """What the verdict looks at: the strongest family that its own meaning does not explain.

    ``contrast``, ``kin`` and ``moved`` of that family (fractions), and ``outlier``: its score
    against the other clusters and the controls, clipped to 0..8 and divided by 8.
    """
    planted = [item for item in families if item.natural is None]
    if not planted:
        return {"contrast": 0.0, "kin": 0.0, "moved": 0.0, "outlier": 0.0}
    best = planted[0]
    return {
        "contrast": max(best.contrast, 0.0),
        "kin": best.kin,
        "moved": best.share_rise.value or 0.0,
        "outlier": min(max(best.score, 0.0), 8.0) / 8.0,
    }
