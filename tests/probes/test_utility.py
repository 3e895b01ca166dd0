"""Figures of a stated trigger, worked by hand."""

from __future__ import annotations

import numpy as np
import torch

from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import sample
from clipguard.probes.classes import Classes
from clipguard.probes.survey import Survey
from clipguard.probes.utility import Sight, attack, changed, measured, shows

EYE = torch.eye(3)
# Five pictures: of classes 0, 1, 2, 0 and of none; without a trigger the third is taken for 0.
CLEAN = EYE[[0, 1, 0, 0, 1]]
LABELS = torch.tensor([0, 1, 2, 0, -1])
STAMPED = EYE[[0, 0, 2, 0, 0]]
SEEN = Sight(images=CLEAN, triggered={"t": STAMPED}, words=EYE, labels=LABELS)


def test_attack_figures_leave_out_the_target_s_own_pictures():
    others = torch.tensor([False, True, True, False, True])
    found = {name: item.mean for name, item in attack(SEEN, "t", 0, others).items()}
    # Without the exclusion attack success would be 4 of 5.
    assert found == {"attack_success": 2 / 3, "base_rate": 1 / 3, "poisoned_accuracy": 1 / 2}


def test_which_pictures_show_the_target():
    texts = ("", "a banana on a plate", "", "nothing of it", "")
    classes = Classes(("banana", "b", "c"), np.array([0, 1, 2, -1, -1]), "")
    found = Survey(texts, tuple("abcde"), np.arange(5), (), {}, "")
    answers = torch.tensor([1, 1, 0, 0, 0])
    assert shows(found, classes, "banana", answers).tolist() == [True, True, False, False, True]


def test_a_share_has_wilson_s_interval_and_a_difference_the_bootstrap_s():
    hits, fewer = sample(np.array([1.0] * 9 + [0.0])), sample(np.array([1.0] * 7 + [0.0] * 3))
    assert measured("acc1", hits, Seeds(0)).interval.method == "wilson"
    change = changed("held-out", "acc1", hits, fewer, Seeds(0))
    assert change.difference.value == (7 - 9) / 10
    assert change.difference.interval.method == "bootstrap"
    assert change.difference.interval.low < -0.2 < change.difference.interval.high
    gone = measured("acc1", sample(np.zeros(0)), Seeds(0), "no picture")
    assert (gone.value, gone.n, gone.absent) == (None, 0, "no picture")
