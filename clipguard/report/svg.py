"""From matplotlib's SVG to one that a page may show under a strict content policy.

matplotlib writes inline styles, which the policy forbids, and fixed colours, which cannot follow
light and dark. Charts are therefore drawn in stand-in colours; here each becomes a class of the
page's style sheet, every other style a presentation attribute, and identifiers get the chart's
name in front, so that several charts can live in one page.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

# Stand-in colour -> the name that the style sheet gives a colour to.
COLOURS = {
    "#010101": "ink",
    "#020202": "muted",
    "#030303": "grid",
    "#040404": "suspect",
    "#050505": "second",
}
_XLINK = "{http://www.w3.org/1999/xlink}href"
_DECLARATION = re.compile(r"([\w-]+)\s*:\s*([^;]+?)\s*(?:;|$)")
_FONT = re.compile(r"(?:(?P<weight>bold|\d+) )?(?P<size>[\d.]+)px")


def themed(data: bytes, name: str, title: str, description: str) -> Markup:
    """Markup of one chart for a page.

    Args:
        data: what matplotlib's SVG canvas wrote, in stand-in colours.
        name: unique within the page, of letters and hyphens.
        title: short name, read aloud.
        description: what the chart shows, read aloud.
    """
    root = ElementTree.fromstring(data)  # noqa: S314  # written by matplotlib a moment ago
    used = _references(root)
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in {"style", "metadata"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = _tag(element)
        _plain(element, name, used)
    box = root.get("viewBox", "")
    root.attrib.clear()
    labels = {"title": title, "desc": description}
    for index, (tag, text) in enumerate(labels.items()):
        label = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        label.text = text
        root.insert(index, label)
    root.attrib.update(
        {
            "class": "chart",
            "viewBox": box,
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
        }
    )
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704  # escaped by it


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _references(root: ElementTree.Element) -> set[str]:
    """Identifiers that something points to; the others only clutter the page."""
    found: set[str] = set()
    for element in root.iter():
        found.add(element.get(_XLINK, "").lstrip("#"))
        for value in element.attrib.values():
            found.update(re.findall(r"url\(#([^)]+)\)", value))
    return found


def _plain(element: ElementTree.Element, name: str, used: set[str]) -> None:
    attributes = dict(element.attrib)
    element.attrib.clear()
    styles = dict(_DECLARATION.findall(attributes.pop("style", "")))
    target = attributes.pop(_XLINK, None)
    if target:
        attributes["href"] = f"#{name}-{target.lstrip('#')}"
    own = attributes.pop("id", None)
    if own in used:
        attributes["id"] = f"{name}-{own}"
    styles.pop("font-family", None)  # the page has its own
    font = _FONT.match(styles.pop("font", ""))
    if font:
        styles["font-size"] = font["size"]
        styles |= {"font-weight": font["weight"]} if font["weight"] else {}
    classes = []
    for key, value in {**attributes, **styles}.items():
        if key in {"fill", "stroke"} and value in COLOURS:
            classes.append(f"{key}-{COLOURS[value]}")
        else:
            element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))
    if classes:
        element.set("class", " ".join(classes))
