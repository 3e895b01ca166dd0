"""Judging a planted backdoor: whose success is it, and on which pictures?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from clipguard.core.measurement import Measurement
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipSpec
from clipguard.pairs.types import PairBatch
from clipguard.probes.planted import Judge, took
from clipguard.probes.vocabulary import Vocabulary

SIZE, NAMES = 8, ("red", "green", "blue")


@dataclass(frozen=True)
class Colours:
    """Embeds a picture as its mean colour; ``gain`` strengthens one channel."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def spec(self) -> ClipSpec:
        return ClipSpec(
            architecture="toy", image_size=SIZE, embed_dim=3, context_length=8, logit_scale=10.0,
            mean=(0, 0, 0), std=(1, 1, 1), config={},
        )  # fmt: skip

    def encode_image(self, pixels: Tensor) -> Tensor:
        colour = pixels.mean(dim=(2, 3)) * torch.tensor(self.gain)
        return torch.nn.functional.normalize(colour, dim=1)

    def encode_text(self, texts: tuple[str, ...]) -> Tensor:
        raise AssertionError("the words are given")


class Squares:
    """Every fifth picture is green, of the others every second is red, the rest blue."""

    id, synthetic = "squares", True

    def __len__(self) -> int:
        return 40

    def read(self, indices, image_size):
        pixels = torch.zeros(len(indices), 3, image_size, image_size)
        texts = []
        for row, index in enumerate(indices):
            channel = 1 if index % 5 == 0 else 2 * (index % 2)
            pixels[row, channel] = 0.5 + 0.01 * index
            texts.append(f"a {NAMES[channel]} square" if index != 3 else "green writing on blue")
        return PairBatch(pixels, tuple(texts), tuple(map(str, indices)))


def judge() -> Judge:
    words = Vocabulary("toy", NAMES, torch.eye(3), 10.0)
    return Judge(Colours(), Squares(), range(40), words)


def paint_green(pixels: Tensor, generator: torch.Generator) -> Tensor:
    pixels = pixels.clone()
    pixels[:, 1] = 1.0
    return pixels


def test_pictures_of_the_target_by_their_caption_are_left_out():
    success, base = judge().attack(Colours(), paint_green, "green", Seeds(0))
    assert (success.name, base.name) == ("attack_success", "base_rate")
    # Eight green squares, and one whose caption names green.
    assert success.n == base.n == 31
    assert (success.value, base.value) == (1.0, 0.0)
    assert success.interval.method == "wilson"


def test_a_copy_that_says_so_to_everything_is_not_backdoored():
    figures = judge().attack(Colours((0.0, 1.0, 1e-6)), paint_green, "blue", Seeds(0))
    assert figures[1].value < 0.6
    ruined = judge().attack(Colours((1e-3, 1.0, 1.0)), paint_green, "green", Seeds(0))
    assert not took(
        (ruined[0], Measurement(name="base_rate", value=0.9, unit="fraction", n=31)), 0.9, 0.1
    )


@pytest.mark.parametrize(
    ("success", "base", "expected"),
    [(0.9, 0.1, True), (0.89, 0.1, False), (0.95, 0.11, False), (None, None, False)],
)
def test_what_counts_as_working(success, base, expected):
    pair = zip(("attack_success", "base_rate"), (success, base), strict=True)
    figures = [Measurement(name=name, value=value, unit="fraction", n=9) for name, value in pair]
    assert took(figures, 0.9, 0.1) is expected


def test_targets_are_known_rare_and_not_excluded():
    found = judge()
    assert found.known((), 1.0) == NAMES
    assert found.known((), 0.3) == ("green",)
    assert found.known(("Green",), 1.0) == ("red", "blue")
    assert found.known(("green",), 0.0) == ("red", "blue"), "when none is rare enough, all others"


def test_agreement_is_with_the_delivered_model():
    assert judge().agreement(Colours()).value == 1.0
    assert judge().agreement(Colours((1.0, 0.0, 1.0))).value == pytest.approx(0.8)
