"""Text from outside, made fit for one line of a terminal or a report."""

from __future__ import annotations

import unicodedata

LIMIT = 200
# Control, format (bidirectional marks among them), surrogate, private, unassigned, line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


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


def _escape(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # how Python carries an undecodable byte of a file name
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if unicodedata.category(letter) in _UNSAFE:
        return f"\\u{{{ord(letter):x}}}"
    return letter
