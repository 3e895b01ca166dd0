from __future__ import annotations

import pytest

from clipguard.config import explanations, toml
from clipguard.core.errors import ConfigError


def test_every_entry_is_whole_and_sorted():
    entries = explanations.load_explanations()
    assert len(entries) >= 90
    assert len({entry.id for entry in entries}) == len(entries)
    assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)
    assert all(entry.text.endswith(".") for entry in entries)
    assert {entry.kind for entry in entries} == set(explanations.KINDS)


@pytest.mark.parametrize(
    "table",
    [
        3,
        {},
        {"title": "x"},
        {"title": "x", "text": 3},
        {"title": "x", "text": "y", "more": "z"},
    ],
)
def test_a_damaged_entry_is_refused(monkeypatch, table):
    monkeypatch.setattr(toml, "load", lambda _source: {"some.id": table})
    explanations.load_explanations.cache_clear()
    with pytest.raises(ConfigError, match=r"some\.id"):
        explanations.load_explanations()
    monkeypatch.undo()
    explanations.load_explanations.cache_clear()
