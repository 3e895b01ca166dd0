"""PAR's objective against a reference written by hand in numpy, gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clipguard.cleaning.losses import answer_drift, clip_loss, drift, par_loss

SCALE, WEIGHT, TAU = 31.0, 0.5, 0.5
NEAR, FAR = 0.2, 3.0
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def reference(
    image: np.ndarray, text: np.ndarray, image_ref: np.ndarray, text_ref: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Value and gradients for picture and text embeddings."""
    count = len(image)
    logits = SCALE * image @ text.T
    rows = np.exp(logits - logits.max(1, keepdims=True))
    rows /= rows.sum(1, keepdims=True)
    columns = np.exp(logits - logits.max(0, keepdims=True))
    columns /= columns.sum(0, keepdims=True)
    value = -(np.log(np.diag(rows)).mean() + np.log(np.diag(columns)).mean()) / 2
    on_logits = (rows + columns - 2 * np.eye(count)) / (2 * count)
    gradients = [SCALE * on_logits @ text, SCALE * on_logits.T @ image]
    for place, (own, delivered) in enumerate(((image, image_ref), (text, text_ref))):
        distance = ((own - delivered) ** 2).sum(1).mean()
        if distance <= TAU:
            value -= WEIGHT * distance
            gradients[place] = gradients[place] - WEIGHT * 2 * (own - delivered) / count
    return float(value), gradients[0], gradients[1]


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def embeddings(image_noise: float, text_noise: float, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    image, text = unit(rng.normal(size=(7, 12))), unit(rng.normal(size=(7, 12)))
    text = unit(text + image)
    return (
        image,
        text,
        unit(image + image_noise * unit(rng.normal(size=(7, 12)))),
        unit(text + text_noise * unit(rng.normal(size=(7, 12)))),
    )


@pytest.mark.parametrize("image_noise", [NEAR, FAR])
@pytest.mark.parametrize("text_noise", [NEAR, FAR])
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_reference_in_value_and_gradient(
    image_noise: float, text_noise: float, seed: int
) -> None:
    arrays = embeddings(image_noise, text_noise, seed)
    value, by_image, by_text = reference(*arrays)
    image, text, image_ref, text_ref = (torch.from_numpy(array) for array in arrays)
    image.requires_grad_(True)
    text.requires_grad_(True)
    terms = par_loss(image, text, image_ref, text_ref, SCALE, tau=TAU, weight=WEIGHT)
    terms.total.backward()
    assert (terms.image_drift.item() <= TAU) == (image_noise == NEAR)
    assert (terms.text_drift.item() <= TAU) == (text_noise == NEAR)
    assert terms.total.item() == pytest.approx(value, abs=1e-6)
    assert np.abs(image.grad.numpy() - by_image).max() < 1e-6
    assert np.abs(text.grad.numpy() - by_text).max() < 1e-6


def test_single_precision_stays_close() -> None:
    arrays = embeddings(NEAR, NEAR)
    value, by_image, _ = reference(*arrays)
    image, text, image_ref, text_ref = (torch.from_numpy(array).float() for array in arrays)
    image.requires_grad_(True)
    total = par_loss(image, text, image_ref, text_ref, SCALE, tau=TAU, weight=WEIGHT).total
    total.backward()
    assert total.item() == pytest.approx(value, rel=1e-5)
    assert np.abs(image.grad.numpy() - by_image).max() < 1e-5


def test_a_drift_of_exactly_tau_still_counts() -> None:
    image, text = torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    far = image.roll(1, dims=0)  # orthogonal: squared distance 2
    at = par_loss(image, text, far, text, 1.0, tau=2.0)
    above = par_loss(image, text, far, text, 1.0, tau=1.999)
    assert at.image_drift.item() == 2.0
    assert (above.total - at.total).item() == pytest.approx(0.5 * 2.0)


def test_the_push_starts_without_gradient() -> None:
    image, text, *_ = (torch.from_numpy(array) for array in embeddings(NEAR, NEAR))
    image.requires_grad_(True)
    pushed = par_loss(image, text, image.detach().clone(), text, SCALE, tau=TAU).total
    plain = clip_loss(image, text, SCALE)
    (with_push,) = torch.autograd.grad(pushed, image)
    (without,) = torch.autograd.grad(plain, image)
    assert torch.equal(with_push, without)


def test_distances_of_unit_vectors() -> None:
    axes = torch.eye(3)
    assert drift(axes, axes).item() == 0.0
    assert drift(axes, axes.roll(1, 0)).item() == pytest.approx(2.0)
    assert drift(axes, -axes).item() == pytest.approx(4.0)


def test_contrastive_loss_of_guessing() -> None:
    same = torch.nn.functional.normalize(torch.ones(8, 5), dim=-1)
    assert clip_loss(same, same, 100.0).item() == pytest.approx(np.log(8))


def test_the_drift_of_answers_by_hand() -> None:
    """At scale ln 3 the delivered model answers 3 : 1 and the student, between both words, 1 : 1.

    0.75 ln(0.75 / 0.5) + 0.25 ln(0.25 / 0.5) = 0.1308 nats for one of two pictures; none for the
    other, whose embedding moved at right angles to both words.
    """
    words = torch.eye(3)[:2]
    delivered = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    student = torch.tensor([[0.5**0.5, 0.5**0.5, 0.0], [0.0, 0.0, -1.0]])
    assert float(answer_drift(student, delivered, words, float(np.log(3)))) == pytest.approx(
        0.1308 / 2, abs=1e-4
    )
