"""What holds for every family that is shipped."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import groupby, pairwise

import pytest
import torch

from clipguard.core.seeds import Seeds
from clipguard.triggers import build, distinct, load_rules
from clipguard.triggers.schema import EDITS, TEXTURES
from clipguard.triggers.stamp import EDITS as BUILT_EDITS
from clipguard.triggers.stamp import TEXTURES as BUILT_TEXTURES

RULES = load_rules()
FAMILIES = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
SIZES = pytest.mark.parametrize("size", [32, 64, 224])
# What these put on a picture comes from the batch, so their energy is a matter of luck.
FROM_THE_BATCH = {"crop-patch", "shuffled-patch"}


def test_there_are_enough_families_and_controls():
    controls = [rule for rule in RULES if rule.cluster == "X"]
    variants = sum(len(rule.variants) for rule in RULES)
    assert len(RULES) - len(controls) >= 40
    assert len(controls) >= 8
    assert sum(len(rule.variants) for rule in controls) >= 24
    assert 150 <= variants <= 225, "a scan has to stay affordable"
    assert {"field-blend", "crop-patch"} <= {rule.id for rule in controls}
    assert {rule.cluster for rule in RULES} == set("NSQTPWCFX")


def test_every_texture_and_edit_of_the_schema_can_be_drawn():
    assert set(BUILT_TEXTURES) == set(TEXTURES)
    assert set(BUILT_EDITS) == set(EDITS)


@SIZES
@FAMILIES
def test_stamped_pictures_are_bytes_of_the_same_shape(rule, size, carriers, draws):
    pixels = carriers(size)[:2]
    untouched = pixels.clone()
    for variant in rule.variants:
        stamped = build(rule, variant, size, Seeds(1))(pixels, draws())
        assert stamped.shape == pixels.shape
        assert stamped.dtype == torch.float32
        assert stamped.min() >= 0.0
        assert stamped.max() <= 1.0
        assert torch.equal((stamped * 255).round() / 255, stamped), "values of whole bytes"
        assert torch.equal(pixels, untouched), "the input stays as it is"
        assert not torch.equal(stamped, pixels), f"{variant.id} changes nothing"


@FAMILIES
def test_equal_seeds_give_equal_pictures(rule, carriers, draws):
    pixels = carriers(64)
    variant = rule.variants[-1]
    first = build(rule, variant, 64, Seeds(1))(pixels, draws(5))
    second = build(rule, variant, 64, Seeds(1))(pixels, draws(5))
    assert torch.equal(first, second)


@FAMILIES
def test_the_batch_may_be_split(rule, carriers, draws):
    if rule.id in FROM_THE_BATCH:
        pytest.skip("uses the neighbouring picture")
    pixels, variant, generator = carriers(64), rule.variants[0], draws(3)
    trigger = build(rule, variant, 64, Seeds(1))
    halves = torch.cat([trigger(pixels[:1], generator), trigger(pixels[1:], generator)])
    assert torch.equal(halves, trigger(pixels, draws(3)))


@FAMILIES
def test_fresh_means_another_draw_for_every_picture(rule, carriers, draws):
    same = carriers(64)[:1].repeat(6, 1, 1, 1)
    variant = rule.variants[-1]
    stamped = build(rule, variant, 64, Seeds(1))(same, draws())
    if rule.draw == "fresh":
        assert not all(torch.equal(stamped[0], other) for other in stamped[1:])
    elif variant.params.get("place") != "random":
        assert all(torch.equal(stamped[0], other) for other in stamped[1:])


@pytest.mark.parametrize(
    "name", ["noise-blend-fixed", "warp-jitter", "warp-smooth", "low-bit-plane", "binary-block"]
)
def test_a_fixed_draw_depends_on_the_instance_alone(name, carriers, draws):
    rule = next(rule for rule in RULES if rule.id == name)
    variant, pixels = rule.variants[-2], carriers(64)
    one = build(rule, variant, 64, Seeds(1))
    assert torch.equal(one(pixels, draws(1)), one(pixels, draws(2)))
    another = build(rule, variant, 64, Seeds(2))
    assert not torch.equal(one(pixels, draws(1)), another(pixels, draws(1)))


@SIZES
@FAMILIES
def test_more_dose_changes_more(rule, size, carriers, draws):
    if rule.id in FROM_THE_BATCH:
        pytest.skip("its energy is a matter of luck")
    pixels, usable = carriers(size), distinct(rule, size)
    for curve, variants in groupby(rule.variants, key=lambda variant: variant.curve):
        changes = []
        for variant in variants:
            if variant in usable:
                stamped = build(rule, variant, size, Seeds(0))(pixels, draws(3))
                changes.append(float((stamped - pixels).square().mean().sqrt()))
        assert all(weak < strong for weak, strong in pairwise(changes)), (curve, changes)


@FAMILIES
def test_doses_grow_along_every_curve(rule):
    for _, variants in groupby(rule.variants, key=lambda variant: variant.curve):
        doses = [variant.dose for variant in variants]
        assert all(weak < strong for weak, strong in pairwise(doses))
    curves = [curve for curve, _ in groupby(rule.variants, key=lambda variant: variant.curve)]
    assert len(curves) == len(set(curves)), "a curve's variants stand together"


@FAMILIES
def test_a_family_says_what_it_is(rule):
    assert rule.description.endswith(".")
    assert 50 <= len(rule.description) <= 420
    assert rule.source
    assert rule.title


def digest_of_samples() -> str:
    """Over one small sample of every family."""
    from clipguard.triggers.samples import sample_png, showcase

    total = hashlib.sha256()
    for rule in load_rules():
        total.update(sample_png(rule, showcase(rule), 64))
    return total.hexdigest()


def test_samples_are_the_same_in_another_process():
    program = (
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('t', {__file__!r})\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "print(m.digest_of_samples())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == digest_of_samples()
