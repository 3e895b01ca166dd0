"""The steps themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import TinyClip, task

from clipguard.cleaning import options
from clipguard.cleaning.loop import Plan, Terms, descend, optimiser, trainable
from clipguard.cleaning.way_back import WayBack
from clipguard.core.errors import InputError
from clipguard.core.seeds import Seeds

ADAM = options.load("par", options.ParSettings).optimiser


def small(model: TinyClip, step: int) -> Terms:
    """Makes the weights of the image tower smaller."""
    total = sum(weight.square().sum() for _, weight in trainable(model, "visual."))
    return Terms(total, 0.1 * step, 0.0, float(step))


def run(model: TinyClip, plan: Plan, objective=small, prefix: str = "visual."):
    job = replace(task(model), model=model)
    mover = optimiser(trainable(model, prefix), ADAM)
    return descend(job, mover, lambda tape, step: objective(model, step), plan)


def test_records_and_rates_are_those_of_the_plan() -> None:
    done = run(TinyClip(), Plan(title="", rates=(0.1, 0.2, 0.3, 0.4, 0.5), first=10, log_every=2))
    assert [record.step for record in done.records] == [10, 12, 14]
    assert [record.learning_rate for record in done.records] == [0.1, 0.3, 0.5]
    assert done.records[0].image_drift == pytest.approx(1.0)
    assert done.watched == (10.0, 11.0, 12.0, 13.0, 14.0)


def test_only_the_named_weights_move_and_never_the_temperature() -> None:
    model = TinyClip()
    before = model.state()
    run(model, Plan(title="", rates=(0.01,) * 3))
    moved = {name for name, value in model.state().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("visual.") for name in moved)
    names = [name for name, _ in trainable(model)]
    assert "logit_scale" not in names
    assert "text_projection" in names


def test_vectors_and_normalisations_do_not_decay() -> None:
    weights = [
        ("visual.conv.weight", torch.nn.Parameter(torch.ones(2, 2))),
        ("visual.conv.bias", torch.nn.Parameter(torch.ones(2))),
        ("visual.ln_post.weight", torch.nn.Parameter(torch.ones(2, 1))),
        ("visual.bn1.weight", torch.nn.Parameter(torch.ones(2, 1))),
        ("visual.class_embedding", torch.nn.Parameter(torch.ones(2))),
    ]
    decayed, plain = optimiser(weights, ADAM).param_groups
    assert decayed["weight_decay"] == 1e-4
    assert [id(weight) for weight in decayed["params"]] == [id(weights[0][1])]
    assert plain["weight_decay"] == 0.0
    assert len(plain["params"]) == 4


def test_the_gradient_of_a_step_is_that_of_the_point_on_the_way_back() -> None:
    model = TinyClip()
    ends = [(weight, torch.zeros_like(weight)) for _, weight in trainable(model, "visual.")]
    before = [weight.detach().clone() for weight, _ in ends]
    way_back = WayBack(ends, shares=(0.0, 1.0))
    seen = []

    def objective(model: TinyClip, step: int) -> Terms:
        seen.append(sum(float(weight.square().sum()) for weight, _ in ends))
        return small(model, step)

    run(model, Plan(title="", rates=(1e-3, 0.0), way_back=way_back), objective)
    assert seen[0] > 0
    assert seen[1] == 0.0  # all the way back lie zeros
    moved = [
        float((weight - value).abs().max()) for (weight, _), value in zip(ends, before, strict=True)
    ]
    assert all(0 < distance < 2e-3 for distance in moved)  # from where they were, not from there


def test_a_step_that_is_not_taken_leaves_the_weights_where_they_were() -> None:
    model = TinyClip()
    before = model.state()
    ends = [(weight, torch.zeros_like(weight)) for _, weight in trainable(model, "visual.")]
    plan = Plan(title="", rates=(1e-3,), way_back=WayBack(ends, shares=(0.5,)))
    done = run(model, plan, lambda m, s: Terms(small(m, s).total * float("nan"), 0, 0, 0))
    assert done.failure
    assert all(torch.equal(value, before[name]) for name, value in model.state().items())


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (lambda m, s: Terms(small(m, s).total * float("nan"), 0, 0, 0), "not finite"),
        (lambda m, s: Terms(small(m, s).total * 20.0**s, 0, 0, 0), "the loss rose to"),
        (lambda m, s: Terms(small(m, s).total, 1.1 * s, 0, 0), "drifted by 1.10, past 1.00"),
    ],
)
def test_divergence_is_one_clear_error(objective, expected: str) -> None:
    done = run(TinyClip(), Plan(title="", rates=(1e-3,) * 5, max_drift=1.0), objective)
    with pytest.raises(InputError, match=rf"clean\.diverged.*step.*{expected}.*smaller rate"):
        done.require("give a smaller rate")
    assert len(done.watched) < 5


def test_weights_that_blow_up_at_the_last_step_are_noticed() -> None:
    def infinite(model: TinyClip, step: int) -> Terms:
        terms = small(model, step)
        return terms._replace(total=terms.total * 0 + model.visual[0].weight.abs().sum())

    done = run(TinyClip(), Plan(title="", rates=(float("inf"),)), infinite)
    assert done.failure == "weights are not finite"


AROUND = torch.nn.functional.normalize(torch.randn(64, 8, generator=Seeds(0).torch()), dim=1)


def test_embeddings_that_fall_together_are_divergence() -> None:
    point = AROUND[:1].expand_as(AROUND)
    done = run(
        TinyClip(),
        Plan(title="", rates=(1e-3,) * 3),
        lambda m, s: small(m, s)._replace(images=(point if s == 2 else AROUND, AROUND)),
    )
    assert "collapsed to 0.000 of their spread" in done.failure
    assert len(done.watched) == 3


def test_weights_stay_where_they_were_before_the_step_that_diverged() -> None:
    model = TinyClip()

    def objective(model: TinyClip, step: int) -> Terms:
        seen.append(model.state()["visual.0.weight"])
        return small(model, step)._replace(image_drift=5.0 * (step == 2))

    seen: list[torch.Tensor] = []
    assert run(model, Plan(title="", rates=(1e-3,) * 5), objective).failure
    assert torch.equal(model.state()["visual.0.weight"], seen[2])
    assert not torch.equal(seen[1], seen[2])


def test_the_part_of_the_drift_that_is_a_rotation_is_told_apart() -> None:
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=Seeds(1).torch()))
    done = run(
        TinyClip(),
        Plan(title="", rates=(1e-3,) * 3, log_every=2),
        lambda m, s: small(m, s)._replace(images=(AROUND @ turn, AROUND), image_drift=1.5),
    )
    assert [record.step for record in done.records] == [0, 2]
    for record in done.records:
        assert record.image_drift == 1.5
        assert record.image_drift_aligned == pytest.approx(0.0, abs=1e-5)
