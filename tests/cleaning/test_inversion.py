"""Universal triggers found by climbing a model."""

from __future__ import annotations

import pytest
import torch
from tiny import CONCEPTS, SIZE, TARGET, TinyPairs, trained

from clipguard.cleaning.audit import Audit, View
from clipguard.cleaning.inversion import Climb, Form, Inverted, astray, invert, toward
from clipguard.cleaning.options import GuidedSettings, load
from clipguard.core.seeds import Seeds

CLIMB = Climb(steps=6, step_size=0.15, pictures=16, area_penalty=2.0)
PIXELS = TinyPairs(20, 48).read(range(48), SIZE).pixels
FORMS = [
    Form(6, (3, 9), 1.0),
    Form(6, None, 1.0),
    Form(SIZE, (0, 0), 0.2),
    Form(SIZE, (0, 0), 0.6, masked=True),
]


@pytest.mark.parametrize("form", FORMS)
def test_an_inverted_trigger_leads_on_where_it_was_sent(form: Form) -> None:
    model = trained(poisoned=True)
    text = model.encode_text(CONCEPTS.texts)[0]
    trigger = invert(model, PIXELS[:32], form, toward(text), CLIMB, Seeds(1).torch())
    start = Inverted(torch.rand(trigger.pattern.shape, generator=Seeds(1).torch()), *_rest(trigger))
    with torch.no_grad():
        reached, before = (
            float((model.encode_image(each.stamp(PIXELS[32:], Seeds(2).torch())) @ text).mean())
            for each in (trigger, start)
        )
    assert reached > before + 0.02
    assert float(trigger.pattern.min()) >= 0
    assert float(trigger.pattern.max()) <= 1
    assert float(trigger.strength.max()) <= form.strength + 1e-6  # float32


def _rest(trigger: Inverted) -> tuple[torch.Tensor, tuple[int, int] | None]:
    return trigger.strength, trigger.place


def test_without_a_target_it_leads_away_and_together() -> None:
    model = trained(poisoned=True)
    with torch.no_grad():
        home = model.encode_image(PIXELS)
    aim = astray(home)
    trigger = invert(model, PIXELS, Form(SIZE, (0, 0), 0.3), aim, CLIMB, Seeds(1).torch())
    with torch.no_grad():
        after = model.encode_image(trigger.stamp(PIXELS, Seeds(2).torch()))
    rows = torch.arange(len(PIXELS))
    assert float(aim(rows)(after)) > float(aim(rows)(home)) + 0.3


def test_only_the_window_changes() -> None:
    pattern, strength = torch.zeros(3, 6, 6), torch.full((1, 6, 6), 0.5)
    stamped = Inverted(pattern, strength, (3, 9)).stamp(PIXELS, Seeds(0).torch())
    inside = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    inside[3:9, 9:15] = True
    assert torch.equal(stamped[..., ~inside], PIXELS[..., ~inside])
    assert torch.allclose(stamped[..., inside], PIXELS[..., inside] / 2)


def test_a_free_window_stays_inside_and_goes_to_many_places() -> None:
    pattern = torch.full((3, 6, 6), 2.0)  # no picture has this value
    trigger = Inverted(pattern, torch.ones(1, 6, 6), None)
    stamped = trigger.stamp(PIXELS, Seeds(0).torch())
    changed = (stamped == 2.0).all(dim=1)
    assert (changed.flatten(1).sum(dim=1) == 36).all()
    assert len({tuple(picture.nonzero()[0].tolist()) for picture in changed}) > 10


def _audit(poisoned: bool) -> tuple[Audit, View]:
    model = trained(poisoned=poisoned)
    words = model.encode_text(CONCEPTS.texts)
    view = View.of(model, TinyPairs(21, 96).read(range(96), SIZE).pixels, words)
    return Audit(view, load("guided", GuidedSettings).audit, CLIMB, Seeds(3)), view


def test_the_audit_finds_the_planted_concept_by_itself() -> None:
    audit, _ = _audit(poisoned=True)
    model = trained(poisoned=True)
    target = CONCEPTS.names.index(TARGET)
    assert target in audit.found(model)
    assert target not in audit.controls((target,))
    assert audit.reach(model, target) > audit.base(model, (target,)) + 0.15


def test_the_same_model_is_audited_alike_every_time() -> None:
    audit, _ = _audit(poisoned=True)
    model = trained(poisoned=True)
    assert audit.reach(model, 1) == audit.reach(model, 1)


def test_pictures_that_all_show_a_concept_say_nothing_of_it() -> None:
    model = trained(poisoned=False)
    view = View.of(model, PIXELS[:8], model.encode_text(CONCEPTS.texts))
    same = View(view.pixels, view.home, view.words, torch.zeros(8, dtype=torch.int64))
    audit = Audit(same, load("guided", GuidedSettings).audit, CLIMB, Seeds(3))
    assert audit.reach(model, 0) == 0.0
    assert audit.base(model, (0,)) == 0.0  # no other concept is known
