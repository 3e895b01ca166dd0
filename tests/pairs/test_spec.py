from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.errors import ClipguardError, InputError, UsageError
from clipguard.pairs.spec import (
    FileSpec,
    SyntheticSpec,
    expand,
    parse_files,
    parse_synthetic,
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("a.csv", FileSpec("a.csv")),
        ("a.csv:0.7", FileSpec("a.csv", 0.7)),
        ("/data/a b:c.csv:1", FileSpec("/data/a b:c.csv", 1.0)),
        ("C:\\data\\a.csv:.5", FileSpec("C:\\data\\a.csv", 0.5)),
        ("shard-{000..099}.tar:3e-1", FileSpec("shard-{000..099}.tar", 0.3)),
        ("./key=value.csv", FileSpec("./key=value.csv")),
        (
            "a.csv:image=my photo:separator=tab:0.2",
            FileSpec("a.csv", 0.2, {"image": "my photo", "separator": "tab"}),
        ),
    ],
)
def test_sources(text, spec):
    assert parse_files(text) == spec
    assert list(parse_files(text).settings) == list(spec.settings)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a.csv:0", "usage.share"),
        ("a.csv:1.5", "usage.share"),
        ("a.csv:-1", "usage.share"),
        ("a.csv:nan", "usage.share"),
        ("a.csv:inf", "usage.share"),
        ("a.csv:colour=red", "usage.data"),
        ("a.csv:separator=;", "usage.data"),
        ("", "usage.data"),
        (":0.5", "usage.data"),
    ],
)
def test_what_makes_no_sense(text, code):
    with pytest.raises(UsageError) as caught:
        parse_files(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text", ["pipe:rm -rf x", "pipe:cat a.tar:0.5", "http://example.org/a.tar", "gs://b/{0..9}.tar"]
)
def test_commands_and_urls_are_refused(text):
    with pytest.raises(InputError) as caught:
        parse_files(text)
    assert caught.value.code == "data.scheme"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("0.3", SyntheticSpec(0.3)),
        ("diffusers:/models/sd", SyntheticSpec(None, "/models/sd")),
        ("diffusers:C:\\sd:0.25", SyntheticSpec(0.25, "C:\\sd")),
    ],
)
def test_made_pairs(text, spec):
    assert parse_synthetic(text) == spec


@pytest.mark.parametrize("text", ["model.pt", "", "diffusers:", "3", "0.3:0.3"])
def test_a_value_that_was_meant_for_something_else(text):
    with pytest.raises(UsageError):
        parse_synthetic(text)


def test_the_record_holds_no_folder():
    spec = parse_files("/home/me/a.csv:image=photo:root=/mnt/pictures:0.7")
    assert str(spec) == "a.csv:image=photo:root=pictures:0.7"
    assert str(parse_synthetic("diffusers:/home/me/sd:0.3")) == "diffusers:sd:0.3"


def test_ranges():
    assert expand("a-{008..011}.tar") == [f"a-0{n}.tar" for n in ("08", "09", "10", "11")]
    assert expand("{0..1}/{a,b}-{1..2}") == ["0/{a,b}-1", "0/{a,b}-2", "1/{a,b}-1", "1/{a,b}-2"]
    assert expand("plain.tar") == ["plain.tar"]


@pytest.mark.parametrize("where", ["{5..1}.tar", "{0..999999999}.tar", "{0..999}{0..999}.tar"])
def test_ranges_of_none_or_too_many(where):
    with pytest.raises(UsageError):
        expand(where)


@given(st.text(st.sampled_from(":={}.0a1 -/"), max_size=20))
def test_any_text_is_understood_or_refused(text):
    try:
        spec = parse_files(text)
    except ClipguardError as error:
        assert error.code.startswith(("usage.", "data."))  # noqa: PT017
        return
    assert spec.where
    assert text.startswith(spec.where)
