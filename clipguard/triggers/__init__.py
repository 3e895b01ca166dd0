"""Candidate triggers: what an attacker may have stamped on the pictures of poisoned pairs.

Families are data under ``rules/triggers/``; reading them needs no torch, building one does.
"""

from clipguard.triggers.build import build
from clipguard.triggers.rules import load_file, load_rules, parse_rule, rule
from clipguard.triggers.sizes import distinct

__all__ = ["build", "distinct", "load_file", "load_rules", "parse_rule", "rule"]
