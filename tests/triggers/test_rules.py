"""Reading rules: strict, and helpful when refusing."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.errors import ConfigError
from clipguard.triggers import distinct, load_file, load_rules, parse_rule, rule

GOOD = {
    "id": "my-patch",
    "title": "My patch",
    "cluster": "N",
    "kind": "patch",
    "scope": "local",
    "draw": "fresh",
    "description": "A patch\nof mine.",
    "source": "test",
    "sinks": ["zebra"],
    "params": {"texture": "noise", "dist": "uniform"},
    "sweep": [{"curve": "random", "dose": "side", "side": [0.3, 0.1, 8]}],
}

TOML = """
[[family]]
id = "{id}"
title = "Mine"
cluster = "N"
kind = "patch"
scope = "local"
draw = "fresh"
description = "Mine."
source = "test"
params = {{ texture = "noise", dist = "uniform" }}
[[family.sweep]]
curve = "random"
dose = "side"
side = [0.1]
"""


def changed(path, value):
    """GOOD with one place changed; a value of ... removes it."""
    data = copy.deepcopy(GOOD)
    *parents, last = path
    table = data
    for step in parents:
        table = table[step]
    if value is ...:
        del table[last]
    else:
        table[last] = value
    return data


def test_lists_are_swept_and_doses_sorted():
    parsed = parse_rule(
        changed(
            ["sweep", 0], {"curve": "at", "dose": "side", "side": [0.2, 0.1], "margin": [0, 4]}
        ),
        "test",
    )
    assert [(v.id, v.curve, v.dose) for v in parsed.variants] == [
        ("at-0px@0.1", "at-0px", 0.1),
        ("at-0px@0.2", "at-0px", 0.2),
        ("at-4px@0.1", "at-4px", 0.1),
        ("at-4px@0.2", "at-4px", 0.2),
    ]
    assert parsed.description == "A patch of mine."
    assert parsed.variants[0].params["dist"] == "uniform"
    assert parsed.variants[0].params["place"] == "random", "defaults are filled in"


def test_a_falling_dose_is_written_with_a_minus():
    data = changed(["kind"], "edit")
    data["params"] = {"edit": "bit-depth"}
    data["sweep"] = [{"curve": "bits", "dose": "-bits", "bits": [1, 3, 2]}]
    assert [v.params["bits"] for v in parse_rule(data, "test").variants] == [3, 2, 1]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["titel"], "x", 'nearest is "title"'),
        (["title"], ..., '"title" is missing'),
        (["title"], 3, "expected printable text"),
        (["title"], "a\x1b[2Jb", "expected printable text"),
        (["id"], "My Patch", "slug"),
        (["cluster"], "Z", "cluster"),
        (["scope"], "locale", 'nearest is "local"'),
        (["draw"], "fixt", 'nearest is "fixed"'),
        (["kind"], "blent", 'nearest is "blend"'),
        (["sinks"], "zebra", "list of words"),
        (["sinks"], [1], "list of words"),
        (["params"], 7, "params must be a table"),
        (["params", "texture"], "noize", 'nearest is "noise"'),
        (["params", "texture"], ..., '"texture" is missing'),
        (["params", "dits"], "uniform", 'nearest is "dist"'),
        (["params", "dist"], ..., '"dist" is missing'),
        (["params", "grey"], 1, "true or false"),
        (["params", "low"], -1.5, "expected -1 to 1"),
        (["params", "low"], float("nan"), "expected -1 to 1"),
        (["params", "cells"], 2.5, "expected an integer"),
        (["params", "cells"], True, "expected an integer"),
        (["sweep"], [], "at least one"),
        (["sweep"], [3], "at least one"),
        (["sweep", 0, "dose"], "sides", "no parameter here"),
        (["sweep", 0, "dose"], "place", "is no parameter here"),
        (["sweep", 0, "side"], [], "empty list"),
        (["sweep", 0, "side"], [1.5], "fraction of the side"),
        (["sweep", 0, "side"], [2], "5 to 4096 pixels"),
        (["sweep", 0, "side"], ["wide"], "expected a length"),
        (["sweep", 0, "side"], [[0.1]], "expected a length"),
        (["sweep", 0, "side"], [0.1, 0.1], "same name"),
        (["sweep", 0, "side"], [0.001 * i for i in range(1, 500)], "more than 400"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_reason(path, value, message):
    with pytest.raises(ConfigError) as caught:
        parse_rule(changed(path, value), "mine.toml")
    assert message in str(caught.value)
    assert "mine.toml" in caught.value.where


def test_a_dose_must_be_a_number():
    data = changed(["sweep", 0], {"curve": "c", "dose": "place", "place": ["random"], "side": 8})
    with pytest.raises(ConfigError, match="a dose is a number"):
        parse_rule(data, "test")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [[key] for key in GOOD]
    + [["params", "dist"], ["params", "low"], ["params", "new"], ["sweep", 0]]
    + [["sweep", 0, key] for key in ("curve", "dose", "side", "margin", "alpha")]
)


def outcome(data):
    """What parsing leads to: a rule, or the line that refuses it."""
    try:
        return parse_rule(data, "test")
    except ConfigError as error:
        return str(error)


@given(path=PATHS, value=PLAIN)
def test_any_value_is_taken_or_refused_in_one_line(path, value):
    answer = outcome(changed(path, value))
    if isinstance(answer, str):
        assert answer.startswith("[rules.")
        assert "\n" not in answer
    else:
        assert answer.variants
        assert all(isinstance(variant.dose, float) for variant in answer.variants)


@given(data=st.dictionaries(st.sampled_from([*GOOD, "other"]), PLAIN))
def test_any_table_is_taken_or_refused(data):
    answer = outcome(data)
    assert not isinstance(answer, str) or answer.startswith("[rules.")


def test_an_unknown_family_names_the_nearest():
    assert rule("noise-corners").cluster == "N"
    with pytest.raises(ConfigError, match='nearest is "noise-corners"'):
        rule("noise-corner")


def test_rules_are_sorted_and_unique():
    ids = [family.id for family in load_rules()]
    assert ids == sorted(set(ids))


def test_a_users_file_is_read(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML.format(id="zz-mine") + TOML.format(id="aa-mine"))
    assert [family.id for family in load_file(path)] == ["aa-mine", "zz-mine"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected [[family]] tables"),
        ("family = 3", "expected [[family]] tables"),
        ("[[famly]]\nid = 'x'", 'nearest is "family"'),
        ("[[family", "config.toml"),
        (TOML.format(id="noise-corners"), "belongs to a built-in family"),
        (TOML.format(id="twice") * 2, "twice the same id: twice"),
    ],
)
def test_a_users_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_file(path)
    assert message in str(caught.value)


def test_small_inputs_have_fewer_distinct_variants():
    tiles = rule("triangles-grey")
    periods = {variant.curve for variant in distinct(tiles, 64)}
    assert "period-8px" not in periods, "at 64 px an eighth of the side is 8 px"
    assert distinct(tiles, 512) == tiles.variants


def test_reading_rules_needs_no_torch():
    program = (
        "import sys\n"
        "from clipguard.triggers import load_rules, distinct\n"
        "assert len(load_rules()) > 40\n"
        "assert distinct(load_rules()[0], 64)\n"
        "bad = {'torch', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
