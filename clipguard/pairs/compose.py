"""Scenes drawn by lot: what is in them, where, and what the caption says."""

from __future__ import annotations

from dataclasses import replace

from clipguard.draw.paint import Place
from clipguard.draw.textures import Colour
from clipguard.pairs import grammar
from clipguard.pairs.catalogue import Catalogue, GroundRule, RelationRule, Thing, catalogue
from clipguard.pairs.dice import Dice
from clipguard.pairs.grammar import Look
from clipguard.pairs.scene import DARK, LIGHT, Ground, Item, Scene, Sign

_KINDS = ("one", "several", "two", "word")
_WEIGHTS = (0.58, 0.15, 0.22, 0.05)
_WITH_WORD = 0.08
_NATURAL = 0.45
# Least distance in RGB at which a thing stands out from what lies behind it.
_CONTRAST = 105.0


def compose(dice: Dice) -> Scene:
    """One scene of any kind."""
    composer = _Composer(dice)
    kind = dice.weighted(_KINDS, _WEIGHTS)
    if kind == "word":
        return composer.word(dice.pick(composer.known.grammar.sign["words"]))
    return {"one": composer.one, "several": composer.several, "two": composer.two}[kind]()


def probe(dice: Dice, noun: str | None, colour: str | None) -> Scene:
    """One object in one colour on a plain ground, as plain as a picture can be."""
    return _Composer(dice).plain(noun, colour)


def written(word: str) -> Scene:
    """A word in dark letters on a plain light ground."""
    ground = Ground("flat", (LIGHT, LIGHT, LIGHT))
    sign = Sign(word, 0.5, 0.5, 0.3, DARK)
    return _word_scene(word, sign, ground, "on a white background", f"the word {word}", "black")


class _Composer:
    """The choices of one scene. ``ground`` comes first: things must stand out from it."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.known: Catalogue = catalogue()
        self.ground, self.background = self._ground(
            dice.weighted(self.known.grounds, [rule.weight for rule in self.known.grounds])
        )
        styles = list(self.known.styles.values())
        self.style = dice.weighted(styles, [style.weight for style in styles]).name

    def one(self) -> Scene:
        """One thing, at times with a word."""
        dice = self.dice
        size = dice.pick(list(self.known.sizes.values()))
        side = dice.between(size.low, size.high)
        thing = dice.pick(list(self.known.things.values()))
        look, item = self._item(thing, Place(*self._spot(side), side))
        look = replace(look, size=size.name)
        sign = None
        if size.name != "large" and dice.chance(_WITH_WORD):
            item = replace(item, place=replace(item.place, y=min(item.place.y, 0.66 - side / 2)))
            sign = self._sign(dice.pick(self.known.grammar.sign["words"]), 0.83)
        return self._scene(look, (item,), grammar.describe(look, self.known, dice), sign)

    def several(self) -> Scene:
        """Two to five equal things."""
        dice = self.dice
        group = dice.pick(self.known.groups)
        thing = dice.pick(list(self.known.things.values()))
        x, y = group.places[0]
        look, first = self._item(thing, Place(x, y, group.side * dice.between(0.8, 1.0)))
        items = tuple(
            replace(first, place=replace(first.place, x=x + self._jitter(), y=y + self._jitter()))
            for x, y in group.places
        )
        look = replace(look, count=group.count)
        body = grammar.describe(look, self.known, dice)
        phrase = dice.pick(self.known.grammar.several["phrases"])
        return self._scene(look, items, grammar.fill(phrase, {"x": body}))

    def two(self) -> Scene:
        """Two different things in a relation."""
        dice = self.dice
        rule = dice.pick(list(self.known.relations.values()))
        things = list(self.known.things.values())
        main = dice.pick(things)
        others = [t for t in things if t.noun != main.noun and (t.open or not rule.enclosing)]
        other = dice.pick(others)
        a, first = self._item(main, self._related(rule, "a"))
        avoid = (first.colour,) if rule.front == "a" else ()
        b, second = self._item(other, self._related(rule, "b"), avoid)
        items = (second, first) if rule.front == "a" else (first, second)
        words = {
            "a": grammar.describe(a, self.known, dice),
            "b": grammar.describe(b, self.known, dice),
        }
        scene = self._scene(a, items, grammar.fill(dice.pick(rule.phrases), words))
        return replace(scene, relation=rule.name, other=other.noun)

    def word(self, word: str) -> Scene:
        """A word alone."""
        dice = self.dice
        sign = self._sign(word, dice.between(0.35, 0.65))
        sign = replace(sign, height=dice.between(0.18, 0.34))
        colour = self._named(sign.ink)
        text = grammar.fill(
            dice.pick(self.known.grammar.sign["alone"]), {"word": word, "colour": colour}
        )
        tail = self.background if dice.chance(self.known.grammar.tails["ground"]) else ""
        caption = grammar.fill("{x} {tail}", {"x": text, "tail": tail})
        return _word_scene(word, sign, self.ground, self.background, caption, colour)

    def plain(self, noun: str | None, colour: str | None) -> Scene:
        """One large thing without texture on a flat ground."""
        dice, known = self.dice, self.known
        flat = next(rule for rule in known.grounds if rule.kind == "flat")
        coloured = [thing for thing in known.things.values() if not thing.fixed]
        thing = known.things[noun] if noun else dice.pick(coloured)
        self.style = dice.pick(("flat", "cartoon", "shaded"))
        wanted = colour or (dice.pick(thing.natural) if thing.natural else None)
        while True:  # a ground of the wanted colour would hide the thing
            self.ground, self.background = self._ground(flat)
            if wanted is None or self._contrast(known.colours[wanted].rgb) >= _CONTRAST:
                break
        side = dice.between(0.6, 0.85)
        place = Place(0.5 + self._jitter(), 0.5 + self._jitter(), side)
        look, item = self._item(thing, place, wanted=wanted, plain=True)
        name = look.colour or ""
        body = grammar.article(grammar.fill("{c} {n}", {"c": name, "n": thing.noun}))
        return self._scene(look, (item,), body)

    def _scene(
        self, look: Look, items: tuple[Item, ...], body: str, sign: Sign | None = None
    ) -> Scene:
        dice, known = self.dice, self.known
        tails = []
        if sign:
            phrase = dice.pick(known.grammar.sign["phrases"])
            tails.append(grammar.fill(phrase, {"word": sign.word}))
        if dice.chance(known.grammar.tails["ground"]):
            tails.append(self.background)
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
            caption=grammar.sentence(self.style, body, tuple(tails), known, dice),
            ground=self.ground,
            items=items,
            sign=sign,
        )

    def _ground(self, rule: GroundRule) -> tuple[Ground, str]:
        dice, colours = self.dice, list(self.known.colours.values())
        first, second, third = (dice.pick(colours) for _ in range(3))
        if first is second:
            second = colours[(colours.index(first) + 1 + dice.whole(len(colours) - 1)) % len(colours)]
        drawn = (self._near(first.name), self._near(second.name), self._near(third.name))
        words = {"ground": first.name, "other": second.name}
        phrase = grammar.fill(dice.pick(rule.phrases), words)
        return Ground(rule.kind, rule.colours or drawn, dice.whole(1 << 30)), phrase

    def _item(
        self,
        thing: Thing,
        place: Place,
        avoid: tuple[Colour, ...] = (),
        wanted: str | None = None,
        plain: bool = False,
    ) -> tuple[Look, Item]:
        dice = self.dice
        name = wanted or self._colour(thing, avoid)
        other = self._other(name)
        texture = "solid" if plain or not thing.textured else self._texture()
        if self.style == "outline":
            texture, name = "solid", "black" if thing.fixed else name
        colour = self._near(name)
        bright = sum(colour) > 450
        item = Item(
            noun=thing.noun,
            place=replace(
                place, angle=dice.between(-thing.turn, thing.turn), flip=dice.chance(0.5)
            ),
            colour=colour,
            second=self._near(other),
            paper=DARK if bright else LIGHT,
            texture=texture,
            scale=dice.whole(3),
            style=self.style,
        )
        look = Look(
            thing=thing, colour=None if thing.fixed else name, second=other, texture=texture
        )
        return look, item

    def _texture(self) -> str:
        rules = list(self.known.textures.values())
        return self.dice.weighted(rules, [rule.weight for rule in rules]).name

    def _colour(self, thing: Thing, avoid: tuple[Colour, ...]) -> str:
        """A colour that stands out, with luck one that the thing usually has."""
        fitting = [
            name
            for name, rule in self.known.colours.items()
            if self._contrast(rule.rgb, avoid) >= _CONTRAST
        ] or [max(self.known.colours, key=lambda name: self._contrast(self.known.colours[name].rgb))]
        natural = [name for name in thing.natural if name in fitting]
        usual = natural and self.dice.chance(_NATURAL)
        return self.dice.pick(natural if usual else fitting)

    def _other(self, name: str) -> str:
        rgb = self.known.colours[name].rgb
        far = [
            other
            for other, rule in self.known.colours.items()
            if _distance(rule.rgb, rgb) >= _CONTRAST
        ]
        return self.dice.pick(far)

    def _contrast(self, colour: Colour, avoid: tuple[Colour, ...] = ()) -> float:
        behind = self.ground.colours[: 1 if self.ground.kind == "flat" else 3]
        return min(_distance(colour, other) for other in (*behind, *avoid))

    def _near(self, name: str) -> Colour:
        rule = self.known.colours[name]
        red, green, blue = (
            min(max(round(value + self.dice.between(-rule.spread, rule.spread)), 0), 255)
            for value in rule.rgb
        )
        return red, green, blue

    def _named(self, colour: Colour) -> str:
        rules = self.known.colours
        return min(rules, key=lambda name: _distance(rules[name].rgb, colour))

    def _related(self, rule: RelationRule, which: str) -> Place:
        x, y, side = rule.a if which == "a" else rule.b
        return Place(x + self._jitter(), y + self._jitter(), side * self.dice.between(0.85, 1.0))

    def _spot(self, side: float) -> tuple[float, float]:
        low = side / 2
        return self.dice.between(low, 1 - low), self.dice.between(low, 1 - low)

    def _jitter(self) -> float:
        return self.dice.between(-0.025, 0.025)

    def _sign(self, word: str, y: float) -> Sign:
        dice = self.dice
        ink, plate = dice.pick(((DARK, LIGHT), (LIGHT, DARK), ((200, 30, 34), LIGHT)))
        height = dice.between(0.11, 0.17)
        return Sign(word, dice.between(0.4, 0.6), y, height, ink, plate)


def _word_scene(
    word: str, sign: Sign, ground: Ground, background: str, caption: str, colour: str
) -> Scene:
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
        word=word,
        caption=caption,
        ground=ground,
        items=(),
        sign=sign,
    )


def _distance(first: Colour, second: Colour) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5)
