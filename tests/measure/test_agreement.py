from itertools import permutations

import numpy as np
import pytest

from clipguard.measure.agreement import class_agreement


def test_exact_p_value_against_enumeration():
    matrix = np.random.default_rng(3).normal(size=(5, 5)) + 0.8 * np.eye(5)
    centred = matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()
    index = np.arange(5)
    reciprocal = 1 / (1 + (centred[:, None, :] > centred[:, :, None]).sum(2))
    values = [reciprocal[index, list(order)].mean() for order in permutations(range(5))]
    observed = np.trace(reciprocal) / 5
    exact = np.mean([value >= observed - 1e-12 for value in values])
    found = class_agreement(matrix, np.random.default_rng(0), permutations=20_000)
    assert found.score == pytest.approx(observed)
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_hub_texts_and_bright_pictures_do_not_count():
    matrix = np.add.outer(np.arange(6.0), 10 * np.arange(6.0))
    found = class_agreement(matrix, np.random.default_rng(0))
    assert found.p_value > 0.9


def test_perfect_agreement_scores_one():
    found = class_agreement(np.eye(8), np.random.default_rng(0))
    assert found.score == 1.0
    assert found.p_value == pytest.approx(1 / 5000)


def test_a_few_words_known_well_are_enough():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(100, 100)) * 0.1
    matrix[np.arange(12), np.arange(12)] += 0.5
    assert class_agreement(matrix, rng).p_value < 0.001


def test_random_networks_pass_as_rarely_as_promised():
    rng = np.random.default_rng(1)
    low = 0
    for _ in range(200):
        images, texts = rng.normal(size=(12, 8)), rng.normal(size=(12, 8))
        low += class_agreement(images @ texts.T, rng, permutations=199).p_value <= 0.05
    assert low <= 20  # 10 expected; 20 is beyond three standard deviations


def test_needs_a_square_matrix_of_four():
    with pytest.raises(ValueError, match="square"):
        class_agreement(np.zeros((3, 3)), np.random.default_rng(0))
