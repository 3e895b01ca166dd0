"""The word that a verdict comes down to."""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """The verdict's word. There is none for "clean": absence of evidence is all a scan can give."""

    NO_EVIDENCE = "no_evidence"
    NATURAL_LIKE = "natural_like"
    INCONCLUSIVE = "inconclusive"
    BACKDOORED = "backdoored"
