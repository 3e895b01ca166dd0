"""Scenes drawn by lot: what is in them, where, and what the caption says."""

from __future__ import annotations

from dataclasses import replace

from clipguard.draw import grounds
from clipguard.draw.paint import Place
from clipguard.draw.textures import Colour
from clipguard.pairs import grammar
from clipguard.pairs.catalogue import GroundRule, RelationRule, SizeRule, Thing, catalogue
from clipguard.pairs.dice import Dice
from clipguard.pairs.grammar import Look
from clipguard.pairs.palette import Palette
from clipguard.pairs.scene import DARK, LIGHT, Ground, Item, Scene, Sign

_KINDS = {"one": 0.58, "several": 0.15, "two": 0.22, "word": 0.05}
_WITH_WORD = 0.08
_PLAIN_STYLES = ("flat", "cartoon", "shaded")
_INKS: tuple[tuple[Colour, Colour], ...] = (
    (DARK, LIGHT),
    (LIGHT, DARK),
    ((200, 30, 34), LIGHT),
    (LIGHT, (30, 70, 160)),
)


def compose(dice: Dice) -> Scene:
    """One scene of any kind."""
    composer = Composer(dice)
    kind = dice.weighted(tuple(_KINDS), tuple(_KINDS.values()))
    return {
        "one": composer.one,
        "several": composer.several,
        "two": composer.two,
        "word": composer.word,
    }[kind]()


def written(word: str) -> Scene:
    """A word in dark letters on a plain light ground."""
    ground = Ground("flat", (LIGHT, LIGHT, LIGHT))
    sign = Sign(word, 0.5, 0.5, 0.3, DARK)
    caption = f'the word "{word}" on a white background'
    return _word_scene(sign, ground, "on a white background", caption, "black")


class Composer:
    """The choices of one scene. The ground comes first: things must stand out from it.

    Args:
        dice: where all choices come from.
    """

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.known = catalogue()
        self.palette = Palette(self.known, dice)
        rules = self.known.grounds
        self.ground, self.background = self._ground(
            dice.weighted(rules, [rule.weight for rule in rules]), self.palette.any(3)
        )
        styles = tuple(self.known.styles.values())
        self.style = dice.weighted(styles, [style.weight for style in styles]).name

    def one(self) -> Scene:
        """One thing, at times with a word below."""
        dice = self.dice
        size = dice.pick(tuple(self.known.sizes.values()))
        side = dice.between(size.low, size.high)
        x, y = dice.between(side / 2, 1 - side / 2), dice.between(side / 2, 1 - side / 2)
        sign = None
        if size.name != "large" and dice.chance(_WITH_WORD):
            y = min(y, 0.66 - side / 2)
            sign = self._sign(0.83, dice.between(0.11, 0.17))
        look, item = self._item(self._thing(), Place(x, y, side))
        return self._scene(look, (item,), grammar.describe(look, self.known, dice), sign)

    def several(self) -> Scene:
        """Two to five equal things."""
        dice = self.dice
        group = dice.pick(self.known.groups)
        side = group.side * dice.between(0.8, 1.0)
        look, first = self._item(self._thing(), Place(0.5, 0.5, side))
        items = tuple(
            replace(first, place=replace(first.place, x=self._about(x), y=self._about(y)))
            for x, y in group.places
        )
        look = replace(look, count=group.count)
        body = grammar.describe(look, self.known, dice)
        phrase = dice.pick(self.known.grammar.several["phrases"])
        return self._scene(look, items, grammar.fill(phrase, {"x": body}))

    def two(self) -> Scene:
        """Two different things in a relation."""
        dice = self.dice
        rule = dice.pick(tuple(self.known.relations.values()))
        main = self._thing()
        others = [t for t in self.known.things.values() if t.open or not rule.enclosing]
        other = dice.pick([thing for thing in others if thing.noun != main.noun])
        a, first = self._item(main, self._related(rule, "a"))
        avoid = (first.colour,) if rule.front == "a" else ()
        b, second = self._item(other, self._related(rule, "b"), avoid)
        items = (second, first) if rule.front == "a" else (first, second)
        looks = {"a": a, "b": b}
        words = {key: grammar.describe(look, self.known, dice) for key, look in looks.items()}
        scene = self._scene(a, items, grammar.fill(dice.pick(rule.phrases), words))
        return replace(scene, relation=rule.name, other=other.noun)

    def word(self) -> Scene:
        """A word alone."""
        dice, rules = self.dice, self.known.grammar
        sign = self._sign(dice.between(0.35, 0.65), dice.between(0.18, 0.34))
        colour = self.palette.called(sign.ink)
        words = {"word": sign.word, "colour": colour}
        text = grammar.fill(dice.pick(rules.sign["alone"]), words)
        tail = self.background if dice.chance(rules.tails["ground"]) else ""
        caption = grammar.join(text, tail)
        return _word_scene(sign, self.ground, self.background, caption, colour)

    def plain(self, noun: str | None, colour: str | None) -> Scene:
        """One large thing without texture on a flat ground, of this noun and colour if given."""
        dice, things = self.dice, self.known.things
        coloured = [thing for thing in things.values() if not thing.fixed]
        thing = things[noun] if noun else dice.pick(coloured)
        name = colour or dice.pick(thing.natural or tuple(self.known.colours))
        flat = next(rule for rule in self.known.grounds if rule.kind == "flat")
        self.ground, self.background = self._ground(flat, [self.palette.far_from_name(name)] * 3)
        self.style = dice.pick(_PLAIN_STYLES)
        place = Place(self._about(0.5), self._about(0.5), dice.between(0.6, 0.85))
        item = replace(self._dressed(thing, place, name), texture="solid")
        look = Look(thing=thing, colour=None if thing.fixed else name, size=self._size(place))
        return self._scene(look, (item,), grammar.name(look))

    def _thing(self) -> Thing:
        return self.dice.pick(tuple(self.known.things.values()))

    def _item(
        self, thing: Thing, place: Place, avoid: tuple[Colour, ...] = ()
    ) -> tuple[Look, Item]:
        behind = grounds.tones(self.ground.kind, self.ground.colours)
        name = self.palette.fitting(thing, [*behind, *avoid])
        item = self._dressed(thing, place, name)
        look = Look(
            thing=thing,
            colour=None if thing.fixed else name,
            second=self.palette.called(item.second),
            texture=item.texture,
            size=self._size(place),
        )
        return look, item

    def _dressed(self, thing: Thing, place: Place, name: str) -> Item:
        dice, outlined = self.dice, self.style == "outline"
        colour = self.palette.shade("black" if outlined and thing.fixed else name)
        turned = replace(
            place, angle=dice.between(-thing.turn, thing.turn), flip=thing.flip and dice.chance(0.5)
        )
        return Item(
            noun=thing.noun,
            place=turned,
            colour=colour,
            second=self.palette.shade(self.palette.far_from_name(name)),
            paper=DARK if sum(colour) > 450 else LIGHT,
            texture=self._texture() if thing.textured and not outlined else "solid",
            scale=dice.whole(3),
            style=self.style,
        )

    def _texture(self) -> str:
        rules = tuple(self.known.textures.values())
        return self.dice.weighted(rules, [rule.weight for rule in rules]).name

    def _ground(self, rule: GroundRule, names: list[str]) -> tuple[Ground, str]:
        first, second, third = (self.palette.shade(name) for name in names)
        words = {"ground": names[0], "other": names[1]}
        phrase = grammar.fill(self.dice.pick(rule.phrases), words)
        drawn = rule.colours or (first, second, third)
        return Ground(rule.kind, drawn, self.dice.whole(1 << 30)), phrase

    def _related(self, rule: RelationRule, which: str) -> Place:
        x, y, side = rule.a if which == "a" else rule.b
        return Place(self._about(x), self._about(y), side * self.dice.between(0.85, 1.0))

    def _about(self, value: float) -> float:
        return value + self.dice.between(-0.025, 0.025)

    def _size(self, place: Place) -> str:
        def gap(rule: SizeRule) -> float:
            return abs(place.size - (rule.low + rule.high) / 2)

        return min(self.known.sizes.values(), key=gap).name

    def _sign(self, y: float, height: float) -> Sign:
        ink, plate = self.dice.pick(_INKS)
        word = self.dice.pick(self.known.grammar.sign["words"])
        return Sign(word, self.dice.between(0.4, 0.6), y, height, ink, plate)

    def _scene(
        self, look: Look, items: tuple[Item, ...], body: str, sign: Sign | None = None
    ) -> Scene:
        return Scene(
            noun=look.thing.noun,
            colour=look.colour,
            texture=look.texture,
            size=look.size,
            count=look.count,
            relation=None,
            other=None,
            background=self.background,
            style=self.style,
            word=sign.word if sign else None,
            caption=self._caption(body, sign),
            ground=self.ground,
            items=items,
            sign=sign,
        )

    def _caption(self, body: str, sign: Sign | None) -> str:
        dice, rules = self.dice, self.known.grammar
        opener = dice.pick(self.known.styles[self.style].openers)
        phrase = grammar.fill(dice.pick(rules.sign["phrases"]), {"word": sign.word}) if sign else ""
        tail = self.background if dice.chance(rules.tails["ground"]) else ""
        return grammar.join(grammar.fill(opener, {"x": body}), phrase, tail)


def _word_scene(sign: Sign, ground: Ground, background: str, caption: str, colour: str) -> Scene:
    return Scene(
        noun="",
        colour=colour,
        texture="solid",
        size="large",
        count=1,
        relation=None,
        other=None,
        background=background,
        style="flat",
        word=sign.word,
        caption=caption,
        ground=ground,
        items=(),
        sign=sign,
    )
