"""The gradient by parts is the gradient of the whole."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from tiny import task, trained
from torch import nn
from towers import ROWS, batch, pull, real

from clipguard.cleaning.engine import Engine, Frozen
from clipguard.cleaning.gradcache import Tape
from clipguard.cleaning.loop import Terms, trainable
from clipguard.cleaning.losses import clip_loss, drift, par_loss

PARTS = (1, 4, 5)  # 5 does not divide 12


def gradients(model, objective, engine: Engine) -> tuple[Terms, dict[str, torch.Tensor]]:
    weights = trainable(model)
    with model.gradients(checkpointing=engine.checkpointing):
        tape = Tape(model, engine)
        terms = objective(tape, 0)
        tape.backward(terms.total, [weight for _, weight in weights])
        found = {name: weight.grad.clone() for name, weight in weights if weight.grad is not None}
    return terms, found


def plain(model, objective) -> dict[str, torch.Tensor]:
    """Autograd on the whole batch, with the model itself."""
    with model.gradients():
        objective(model, 0).total.backward()
        return {n: w.grad.clone() for n, w in trainable(model) if w.grad is not None}


def push(reference, tau: float, model, step: int) -> Terms:
    pixels, texts = batch(ROWS)
    images = model.encode_image(pixels), reference.encode_image(pixels)
    words = model.encode_text(texts), reference.encode_text(texts)
    terms = par_loss(images[0], words[0], images[1], words[1], 14.3, tau=tau)
    return Terms(terms.total, float(terms.image_drift.detach()), 0.0, 0.0)


def largest(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Largest difference of an entry; as a share of the largest entry where that exceeds 1."""
    assert found.keys() == expected.keys()
    scale = max(1.0, *(float(value.abs().max()) for value in expected.values()))
    return max(float((found[name] - expected[name]).abs().max()) for name in expected) / scale


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_the_push_by_parts_equals_the_push_of_the_whole(kind: str) -> None:
    model, reference = real(kind), real(kind, seed=1)
    pixels, _ = batch(ROWS)
    with torch.no_grad():
        moved = (model.encode_image(pixels) - reference.encode_image(pixels)).square().sum(1)
    # The gate is decided by the mean of all rows: those of the parts lie on both sides of it.
    mean = float(moved.mean())
    assert float(moved.min()) < mean - 1e-3 < mean + 1e-3 < float(moved.max())
    for tau in (mean - 1e-4, mean + 1e-4):
        objective = partial(push, Frozen(reference, Engine()), tau)
        expected = plain(model, objective)
        assert max(float(value.abs().max()) for value in expected.values()) > 1e-2
        for size in (None, *PARTS):
            terms, found = gradients(model, objective, Engine(micro_batch=size))
            assert (terms.image_drift <= tau) == (tau > mean)
            assert largest(found, expected) < 1e-5


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_the_pull_by_parts_equals_the_pull_of_the_whole(kind: str) -> None:
    model, objective = real(kind), pull(real(kind, seed=1))
    expected = plain(model, objective)
    assert all(name.startswith("visual.") for name in expected)
    before = model.state()
    for size in PARTS:
        _, found = gradients(model, objective, Engine(micro_batch=size))
        assert largest(found, expected) < 1e-5
    assert all(torch.equal(value, before[name]) for name, value in model.state().items())


def test_the_delivered_model_is_embedded_by_parts_as_well() -> None:
    model, (pixels, texts) = real("vit"), batch(ROWS)
    seen: list[int] = []
    inner = model.encode_image
    model.encode_image = lambda part: seen.append(len(part)) or inner(part)  # type: ignore[method-assign]
    found = Frozen(model, Engine(micro_batch=5)).encode_image(pixels)
    assert seen == [5, 5, 2]
    assert not found.requires_grad
    assert float((found - inner(pixels)).abs().max()) < 1e-6
    assert Frozen(model, Engine(micro_batch=5)).encode_text(texts).shape == (ROWS, 16)


def test_a_model_that_draws_draws_alike_twice() -> None:
    model = trained(poisoned=False, steps=1).copy()
    model.visual = nn.Sequential(*model.visual, nn.Dropout(0.5)).train()
    pixels = task(model).pairs.read(range(8), 24).pixels

    def objective(student, step: int) -> Terms:
        torch.manual_seed(5)
        found = student.encode_image(pixels)
        return Terms(drift(found, found.detach().roll(1, 0)), 0.0, 0.0, 0.0)

    def by_hand(student, step: int) -> Terms:
        torch.manual_seed(5)
        found = torch.cat([student.encode_image(part) for part in pixels.split(3)])
        return Terms(drift(found, found.detach().roll(1, 0)), 0.0, 0.0, 0.0)

    expected = plain(model, by_hand)
    assert largest(gradients(model, objective, Engine(micro_batch=3))[1], expected) < 1e-5


def test_checkpointing_changes_no_gradient_and_ends_with_the_run() -> None:
    model = real("vit")
    objective = partial(push, Frozen(real("vit", seed=1), Engine()), 4.0)
    expected = plain(model, objective)
    _, found = gradients(model, objective, Engine(micro_batch=4, checkpointing=True))
    assert largest(found, expected) < 1e-5
    assert not model.module.transformer.grad_checkpointing
    assert not model.module.visual.transformer.grad_checkpointing


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.1), ("fp16", 0.02)])
def test_half_precision_gives_float32_embeddings_and_nearly_the_same_gradient(
    precision, tolerance: float
) -> None:
    model, (pixels, texts) = real("vit"), batch(ROWS)

    def objective(student, step: int) -> Terms:
        image, text = student.encode_image(pixels), student.encode_text(texts)
        assert image.dtype == text.dtype == torch.float32
        assert float((image.norm(dim=1) - 1).abs().max()) < 1e-6
        return Terms(clip_loss(image, text, 14.3), 0.0, 0.0, 0.0)

    expected = plain(model, objective)
    engine = Engine(micro_batch=5, precision=precision)
    _, found = gradients(model, objective, engine)
    flat, wanted = (torch.cat([v.flatten() for v in g.values()]) for g in (found, expected))
    assert all(value.dtype == torch.float32 for value in found.values())
    assert 0 < float((flat - wanted).norm() / wanted.norm()) < tolerance


def test_what_a_loss_says_of_weights_directly_counts_once() -> None:
    model = real("vit")

    def objective(student, step: int) -> Terms:
        decay = model.module.visual.proj.square().sum()
        return Terms(student.encode_image(batch(ROWS)[0])[:, 0].sum() + decay, 0.0, 0.0, 0.0)

    expected = plain(model, objective)
    assert largest(gradients(model, objective, Engine(micro_batch=5))[1], expected) < 1e-5
