from __future__ import annotations

import numpy as np
import pytest

from clipguard.draw.text import render_mask


@pytest.mark.parametrize("height", [1, 7, 24, 100])
def test_the_mask_has_the_height_asked_for(height):
    mask = render_mask("Agq", height)
    assert mask.shape[0] == height
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_capitals_reach_the_top_and_descenders_the_bottom():
    assert render_mask("HOTEL", 40)[:2].max() > 0.5
    assert render_mask("HOTEL", 40)[-4:].max() == 0
    assert render_mask("jpg", 40)[-3:].max() > 0.5


def test_ink_fills_the_width():
    mask = render_mask("dog", 40)
    assert mask[:, :3].max() > 0.5
    assert mask[:, -3:].max() > 0.5


def test_different_words_look_different():
    assert render_mask("cat", 30).shape != render_mask("catapult", 30).shape
    assert not np.array_equal(render_mask("b", 30), render_mask("d", 30))


def test_a_large_mask_shows_the_same_word_as_a_small_one():
    small, large = render_mask("fish", 20), render_mask("fish", 80)
    assert large.shape[1] == pytest.approx(4 * small.shape[1], abs=8)
    assert large.mean() == pytest.approx(small.mean(), abs=0.04)


def test_blank_text_has_no_ink():
    assert render_mask(" \n ", 20).max() == 0


def test_line_breaks_are_spaces():
    assert np.array_equal(render_mask("a\nb", 20), render_mask("a b", 20))


def test_a_turned_line_keeps_its_ink_and_needs_more_rows():
    plain, turned = render_mask("hello", 30), render_mask("hello", 30, angle=30)
    assert turned.shape[0] > plain.shape[0]
    assert turned.sum() == pytest.approx(plain.sum(), rel=0.03)
