"""Universal triggers, inverted: one pattern for many pictures, found by climbing the model itself.

A window that is replaced, the whole picture mixed with a pattern, or a pattern with a mask of its
own. Gradient-sign steps from a random start; nothing is known of the attacker's trigger.

Source: Neural Cleanse (Wang et al. 2019) for mask and pattern; the untargeted objective is our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from clipguard.model.seam import ClipModel

# What inversion climbs: (B, D) unit-norm embeddings of triggered pictures -> a scalar.
Aim = Callable[[Tensor], Tensor]


class Form(NamedTuple):
    """What a trigger may change.

    ``side`` in pixels, ``place`` the upper left corner or None for anywhere, ``strength`` the share
    of the pattern (0..1). With ``masked`` the strength is the most that a learned mask may reach.
    """

    side: int
    place: tuple[int, int] | None
    strength: float
    masked: bool = False


@dataclass(frozen=True)
class Inverted:
    """A trigger: ``pattern`` (3, side, side) in 0..1 mixed in by ``strength`` (1, side, side)."""

    pattern: Tensor
    strength: Tensor
    place: tuple[int, int] | None

    def stamp(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """(B, 3, S, S) -> the same with the trigger on it; differentiable in the trigger."""
        side = self.pattern.shape[-1]
        stamped = pixels.clone()
        if self.place is not None:
            rows, columns = _window(self.place, side)
            window = stamped[..., rows, columns]
            window.copy_(torch.lerp(window.clone(), self.pattern, self.strength))
            return stamped
        room = pixels.shape[-1] - side + 1
        drawn = torch.randint(room, (len(pixels), 2), generator=generator).tolist()
        for index, (top, left) in enumerate(drawn):
            rows, columns = _window((top, left), side)
            window = stamped[index, :, rows, columns]
            window.copy_(torch.lerp(window.clone(), self.pattern, self.strength))
        return stamped


def _window(place: tuple[int, int], side: int) -> tuple[slice, slice]:
    top, left = place
    return slice(top, top + side), slice(left, left + side)


@dataclass(frozen=True, kw_only=True)
class Climb:
    """How far inversion goes.

    Args:
        steps: gradient-sign steps.
        step_size: change of a pixel in a step (0..1).
        pictures: pictures looked at in a step.
        area_penalty: what a learned mask costs: this times its mean.
    """

    steps: int
    step_size: float
    pictures: int
    area_penalty: float


def invert(
    model: ClipModel,
    pixels: Tensor,
    form: Form,
    aim: Callable[[Tensor], Aim],
    climb: Climb,
    generator: torch.Generator,
) -> Inverted:
    """Find a pattern of this form that raises an aim over all pictures at once.

    Args:
        model: climbed as it stands.
        pixels: (N, 3, S, S) pictures in 0..1; each step takes the next of them in turn.
        form: what the trigger may change.
        aim: from the rows taken in a step to what is climbed on them.
        climb: how far.
        generator: a CPU generator, for the start and for places.
    """
    pattern = torch.rand(3, form.side, form.side, generator=generator)
    mask = torch.full((1, form.side, form.side), form.strength)
    if form.masked:
        mask = mask * torch.rand(mask.shape, generator=generator)
    trigger = Inverted(pattern, mask, form.place)
    for step in range(climb.steps):
        start = step * climb.pictures % len(pixels)
        rows = torch.arange(start, start + min(climb.pictures, len(pixels))) % len(pixels)
        trigger = _step(model, pixels[rows], trigger, form, aim(rows), climb, generator)
    return trigger


def _step(
    model: ClipModel,
    pixels: Tensor,
    trigger: Inverted,
    form: Form,
    aim: Aim,
    climb: Climb,
    generator: torch.Generator,
) -> Inverted:
    leaves = [trigger.pattern.requires_grad_()]
    if form.masked:
        leaves.append(trigger.strength.requires_grad_())
    with torch.enable_grad():
        gain = aim(model.encode_image(trigger.stamp(pixels, generator)))
        if form.masked:
            gain = gain - climb.area_penalty * trigger.strength.mean()
        slopes = torch.autograd.grad(gain, leaves)
    pattern = (trigger.pattern.detach() + climb.step_size * slopes[0].sign()).clamp_(0, 1)
    moved = replace(trigger, pattern=pattern, strength=trigger.strength.detach())
    if form.masked:
        stride = climb.step_size * form.strength
        mask = (moved.strength + stride * slopes[1].sign()).clamp_(0, form.strength)
        moved = replace(moved, strength=mask)
    return moved


def astray(home: Tensor) -> Callable[[Tensor], Aim]:
    """The untargeted aim: away from home, and all to one place.

    Args:
        home: (N, D) where the clean pictures lie.

    Returns:
        From rows to an aim: mean squared distance from home plus the squared length of the mean
        embedding, which is 1 when all pictures end at one point.
    """

    def at(rows: Tensor) -> Aim:
        def aim(triggered: Tensor) -> Tensor:
            away = (triggered - home[rows]).square().sum(dim=-1).mean()
            return away + triggered.mean(dim=0).square().sum()

        return aim

    return at


def toward(text: Tensor) -> Callable[[Tensor], Aim]:
    """The targeted aim: mean cosine with one text embedding (D,)."""

    def at(rows: Tensor) -> Aim:
        del rows

        def aim(triggered: Tensor) -> Tensor:
            return (triggered @ text).mean()

        return aim

    return at
