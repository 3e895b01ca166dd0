from __future__ import annotations

from pathlib import Path

import pytest

from clipguard.triggers import load_rules
from clipguard.triggers.schema import EDITS, KINDS, TEXTURES

PAGE = Path(__file__).parents[2] / "docs" / "triggers.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.id)
def test_the_page_lists_every_family_as_it_is(rule):
    row = f"| `{rule.id}` {rule.title} | {rule.cluster} | {rule.draw} | {len(rule.variants)} |"
    assert row in TEXT, "run python -m bench.trigger_sheet"


@pytest.mark.parametrize("name", [*KINDS, *TEXTURES, *EDITS])
def test_the_page_lists_every_kind_texture_and_edit(name):
    assert f"`{name}`" in TEXT


def test_the_page_lists_every_parameter():
    names = {key for table in (KINDS, TEXTURES, EDITS) for specs in table.values() for key in specs}
    told = {name for name in names if f"`{name}`" in TEXT}
    assert names - told == {"low_green", "low_blue", "high_red", "high_green"}
