"""Text from outside, made fit for one line of a terminal or a report."""

from __future__ import annotations

import re
import unicodedata

LIMIT = 200
# Control, format (bidirectional marks among them), surrogate, private, unassigned, line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_COMMAND = re.compile(r"^\s*:(?=:)|#(?=#\[)", re.MULTILINE)


def printable(text: str, limit: int = LIMIT) -> str:
    r"""Escape what could move a cursor, hide or reorder text; cut to ``limit`` characters.

    An escape is never cut in half, and undecodable bytes of a file name appear as ``\xNN``.
    """
    shown: list[str] = []
    length = 0
    for letter in text:
        piece = _escape(letter)
        if length + len(piece) > limit:
            while shown and length > limit - 3:
                length -= len(shown.pop())
            return "".join(shown) + "..."[:limit]
        shown.append(piece)
        length += len(piece)
    return "".join(shown)


def defused(text: str) -> str:
    """Text in whose lines a runner of GitHub Actions finds no command, such as ``::add-mask::``."""
    return _COMMAND.sub(lambda found: f"{found[0]} ", text)


def _escape(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # how Python carries an undecodable byte of a file name
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if unicodedata.category(letter) in _UNSAFE:
        return f"\\u{{{ord(letter):x}}}"
    return letter
