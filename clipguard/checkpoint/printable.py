"""Text from a file, made fit for one line of a terminal or a report."""

from __future__ import annotations

import unicodedata

LONGEST = 200
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, longest: int = LONGEST) -> str:
    """Escape what could move a cursor, hide or reorder text; cut to ``longest`` characters."""
    shown = "".join(_escape(letter) for letter in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def is_unsafe(text: str, longest: int = 512) -> bool:
    """Whether a name is too long or holds control, formatting or bidirectional characters."""
    return len(text) > longest or any(unicodedata.category(letter) in _UNSAFE for letter in text)


def _escape(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # an undecodable byte of a file name
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if unicodedata.category(letter) in _UNSAFE:
        return f"\\u{{{ord(letter):x}}}"
    return letter
