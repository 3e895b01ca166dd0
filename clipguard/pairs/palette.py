"""Which colours a scene may use so that things stand out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clipguard.draw.textures import Colour
from clipguard.pairs.catalogue import Catalogue, Thing
from clipguard.pairs.dice import Dice

# Least distance in RGB at which a thing stands out from what lies behind it.
CONTRAST = 105.0
_NATURAL = 0.45


class Palette:
    """Named colours and their drawn shades.

    Args:
        known: the colours.
        dice: where choices come from.
    """

    def __init__(self, known: Catalogue, dice: Dice) -> None:
        self._rules, self._dice = known.colours, dice
        self._names = tuple(known.colours)

    def any(self, count: int) -> list[str]:
        """``count`` names, neighbours different."""
        names = [self._dice.pick(self._names)]
        while len(names) < count:
            names.append(self._dice.pick([name for name in self._names if name != names[-1]]))
        return names

    def shade(self, name: str) -> Colour:
        """One drawn colour of this name."""
        rule = self._rules[name]
        red, green, blue = (
            min(max(round(value + self._dice.between(-rule.spread, rule.spread)), 0), 255)
            for value in rule.rgb
        )
        return red, green, blue

    def far_from(self, behind: Iterable[Colour]) -> list[str]:
        """Names that stand out from all of ``behind``; the best one where none does."""
        others = list(behind)
        gaps = {
            name: min(distance(rule.rgb, other) for other in others)
            for name, rule in self._rules.items()
        }
        return [name for name in gaps if gaps[name] >= CONTRAST] or [
            max(gaps, key=gaps.__getitem__)
        ]

    def far_from_name(self, name: str) -> str:
        """A colour that stands out from this one."""
        return self._dice.pick(self.far_from([self._rules[name].rgb]))

    def fitting(self, thing: Thing, behind: Sequence[Colour]) -> str:
        """A colour that stands out, often one that the thing usually has."""
        names = self.far_from(behind)
        natural = [name for name in thing.natural if name in names]
        usual = bool(natural) and self._dice.chance(_NATURAL)
        return self._dice.pick(natural if usual else names)

    def called(self, colour: Colour) -> str:
        """The name nearest to an RGB value."""
        return min(self._rules, key=lambda name: distance(self._rules[name].rgb, colour))


def distance(first: Colour, second: Colour) -> float:
    """Euclidean distance in RGB, 0..442."""
    return float(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5)
