"""Pictures that show what the suspected trigger does."""

from __future__ import annotations

import base64
import io

from PIL import Image
from torch import Tensor

from clipguard.core.results import Demonstration, FamilyResult, Picture
from clipguard.model.batching import embed_images
from clipguard.probes.bench import Bench
from clipguard.probes.carriers import Carriers
from clipguard.triggers.types import TriggerRule

SHOWN = 6
LARGEST = 112  # pixels; a report must stay small


def demonstrate(
    bench: Bench, rule: TriggerRule, family: FamilyResult, carriers: Carriers
) -> tuple[Demonstration, ...]:
    """Stamp the confirmed variant on a few held-out carriers, as the probe did."""
    variant = next(item for item in rule.variants if item.id == family.variant)
    concept = bench.vocabulary.concepts.index(family.concept)
    elsewhere = (carriers.answers != concept).nonzero().flatten()[:SHOWN]
    chosen = carriers.take(elsewhere)
    stamped = bench.stamp(rule, variant, chosen.pixels, "demonstration")
    after = bench.vocabulary.probabilities(embed_images(bench.model, stamped, bench.meter))
    shown = []
    for index in range(len(chosen)):
        before_answer = int(chosen.answers[index])
        after_answer = int(after[index].argmax())
        names = bench.vocabulary.concepts
        shown.append(
            Demonstration(
                original=picture(chosen.pixels[index], f"carrier seen as {names[before_answer]}"),
                triggered=picture(
                    stamped[index], f"the same with {family.title}, seen as {names[after_answer]}"
                ),
                concept_before=names[before_answer],
                probability_before=float(chosen.probabilities[index, before_answer]),
                concept_after=names[after_answer],
                probability_after=float(after[index, after_answer]),
            )
        )
    return tuple(shown)


def picture(pixels: Tensor, alt: str) -> Picture:
    """(3, S, S) float32 in 0..1 as PNG, reduced to at most 112 px."""
    array = (pixels.permute(1, 2, 0) * 255).round().byte().numpy()
    image = Image.fromarray(array)
    if image.width > LARGEST:
        image = image.resize((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return Picture(png_base64=base64.b64encode(buffer.getvalue()).decode(), alt=alt)
