"""The page on policies says what a number of carriers can show, as the code has it."""

from __future__ import annotations

import re
from pathlib import Path

from clipguard.measure.proportion import wilson
from clipguard.pipeline.scan import SCREENING
from clipguard.verdict.judge import REPRODUCED

PAGE = Path(__file__).parents[2] / "docs/policy.md"


def test_the_table_of_carriers_is_what_the_code_asks_for():
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) % \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 5
    for carriers, held_out, percent in (map(int, row) for row in rows):
        assert held_out == carriers - round(carriers * SCREENING)
        moved = (k for k in range(held_out + 1) if wilson(k, held_out).low >= REPRODUCED)
        assert percent == round(100 * next(moved) / held_out)
