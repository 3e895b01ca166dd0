"""The HTML report: one inert, self-contained, accessible file that shows what the result says."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from clipguard.core import schema
from clipguard.core.results import Picture, Result
from clipguard.report.html import render_html

JSON = "data:application/json;base64,"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements in order, with attributes; text by element; complains about bad nesting."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.raw: dict[str, str] = {}
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def embedded(self) -> bytes:
        """The JSON that the page offers for download."""
        (link,) = (item["href"] for item in self.all("a") if "download" in item)
        return base64.b64decode(link.removeprefix(JSON), validate=True)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).replace("\u00a0", " ").split())


_RENDERED: dict[int, tuple[Result, bytes]] = {}


def rendered(result: Result) -> bytes:
    """The page of a result; kept with it, so that its identity stays its own."""
    if id(result) not in _RENDERED:
        _RENDERED[id(result)] = (result, render_html(result))
    return _RENDERED[id(result)][1]


def page(result: Result) -> Page:
    return Page(rendered(result))


def test_page_is_one_small_file_without_anything_from_outside(shape: Result) -> None:
    data = rendered(shape)
    assert len(data) < 2_000_000
    found = Page(data)
    for tag, attributes in found.elements:
        assert not {key for key in attributes if key.startswith("on") or key == "style"}, tag
        for key in ("src", "href", "action", "data", "poster", "srcset"):
            target = attributes.get(key, "#")
            assert target.startswith(("#", "data:image/png;base64,", JSON)), target
    assert b"http:" not in data
    assert b"https:" not in data
    assert b"url(http" not in data
    assert not re.search(rb"@import|@font-face", data)
    assert {tag for tag, _ in found.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "form",
        "base",
    } == set()


def test_content_policy_allows_the_own_style_and_nothing_else(shape: Result) -> None:
    found = page(shape)
    (policy,) = (
        item["content"]
        for item in found.all("meta")
        if item.get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(found.raw["style"].encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_structure_serves_screen_readers(shape: Result) -> None:
    found = page(shape)
    assert found.all("html")[0]["lang"] == "en"
    for landmark in ("header", "main", "nav", "footer", "h1"):
        assert len(found.all(landmark)) == 1, landmark
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found.elements:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
    assert all(item["alt"].strip() for item in found.all("img"))
    assert len(found.all("caption")) == len(found.all("table"))
    assert all(item["scope"] in {"col", "row"} for item in found.all("th"))
    for item in found.all("svg"):
        assert item.get("role") == "img" or item.get("aria-hidden") == "true"


def test_verdict_is_a_word_and_a_sign_not_a_colour(shapes: dict[str, Result]) -> None:
    words = {
        "backdoored": "Backdoored",
        "natural_like": "Natural-like weakness",
        "inconclusive": "Inconclusive",
        "no_evidence": "No evidence found",
        "error": "Could not run",
        "refused": "Refused",
        "no_replay": "Inconclusive",
    }
    signs = set()
    for name, word in words.items():
        found = page(shapes[name])
        assert f"({word})" in found.words  # the title of the window
        sign = re.search(r"Verdict (\S+) " + word, found.words)
        assert sign is not None
        signs.add(sign.group(1))
    assert len(signs) == 6


@pytest.mark.parametrize("name", ["backdoored", "no_evidence", "natural_like", "audit"])
def test_no_verdict_reads_as_a_certificate(shapes: dict[str, Result], name: str) -> None:
    text = page(shapes[name]).words.lower()
    for claim in ("is safe", "is clean", "certified", "malicious"):
        assert claim not in text


def edit(item: Any, path: str, value: object) -> Any:
    """A copy of nested data with one field changed; digits address tuples."""
    head, _, tail = path.partition(".")
    if head.isdigit():
        index = int(head)
        inner = edit(item[index], tail, value) if tail else value
        return (*item[:index], inner, *item[index + 1 :])
    inner = edit(getattr(item, head), tail, value) if tail else value
    return replace(item, **{head: inner})


CHANGES: list[tuple[str, object, str]] = [
    ("delivered.verdict.likelihood", 0.8231, "82 % prior"),
    ("delivered.verdict.prior", 0.037, "prior 3.7 %"),
    ("delivered.verdict.likelihood_ratio", 17.3, "likelihood ratio 17.3 : 1"),
    ("cleaning.rounds.1.name", "Tuesday", "Tuesday"),
    ("cleaning.rounds.2.agreement", 0.7654, "77 %"),
    ("cleaning.trained_on.0.pairs", 3456, "3 456 pairs trained on; 3 could not be used"),
    ("cleaning.proof.changes.0.difference.value", -0.0321, "\u22123.2 %"),
    ("cleaning.proof.rebound.points.0.agreement", 0.5432, "54 %"),
    ("delivered.verdict.concept", "zeppelin", "Vertical stripe patch → zeppelin"),
    ("delivered.verdict.reasons.0.nats", 6.789, "+6.79"),
    ("delivered.verdict.not_covered.2", "rain on Tuesdays", "rain on Tuesdays"),
    ("delivered.subject.artifact.sha256", "12" * 32, "12" * 32),
    ("delivered.subject.parameters", 87_654_321, "87 654 321 parameters"),
    ("delivered.seed", 4711, "Seed 4711"),
    ("delivered.replay.carriers", 173, "on 173 pictures"),
    ("delivered.replay.null.0", 0.2345, "Controls: 23 %"),
    ("delivered.replay.families.0.contrast", 0.613, "61 %"),
    ("delivered.replay.families.30.concept", "quokka", "quokka"),
    ("delivered.replay.families.0.curve.2.control", 0.4242, "42 %"),
    ("delivered.demonstrations.1.probability_after", 0.4321, "43 %"),
    ("delivered.checks.2.reason", "because of rain", "because of rain"),
    ("cleaning.after.0.value", 0.0421, "4.2 %"),
    ("cleaning.before.1.n", 377, "n = 377"),
    ("cleaning.explanation.0", "steps were short", "steps were short"),
    ("cleaning.steps.3.loss", 7.654, "7.65"),
    ("repaired.verdict.likelihood", 0.0123, "1.2 %"),
    ("repaired.replay.families.0.concept", "walrus", "walrus"),
    ("exports.2.min_cosine", 0.9999123, "cosine 0.9999123 or more"),
    ("exports.3.max_abs_difference", 4.5e-5, "4.5e\u221205"),
    ("exports.0.artifact.sha256", "34" * 32, "34" * 32),
    ("environment.threads", 13, "threads 13"),
    ("tool.rules_sha256", "56" * 32, "56" * 32),
    ("exit_code", 3, "3 (pass): inconclusive, refused, or not cleaned"),
]


def test_figures_come_from_the_result(shapes: dict[str, Result]) -> None:
    changed = shapes["audit"]
    for path, value, _ in CHANGES:
        changed = edit(changed, path, value)
    before, after = page(shapes["audit"]).words, page(changed).words
    for path, _, shown in CHANGES:
        assert after.count(shown) > before.count(shown), path


def test_first_screen_holds_what_decides(shapes: dict[str, Result]) -> None:
    first = page(shapes["backdoored"]).words.split("Demonstration")[0]
    for needed in (
        "Backdoored",
        "74 %",
        "prior 10 %",
        "25 : 1",
        "What was not covered",
        "model.pt",
        "4f1c9a4f1c9a",
        "Exit code 1",
        "Next: Do not use this model",
        "banana",
    ):
        assert needed in first, needed


def test_the_missing_is_called_missing(shapes: dict[str, Result], shape: Result) -> None:
    text = page(shape).words
    assert "None" not in text
    assert "nan" not in text.lower().split()
    assert "Everything: the model was not probed" in page(shapes["error"]).words
    assert "Everything: no trigger was replayed." in page(shapes["no_replay"]).words
    families = page(shapes["backdoored"]).words
    assert "Everything" not in families
    assert "not measured: every carrier already showed the concept" in families


def test_command_reproduces_with_what_was_given(shapes: dict[str, Result]) -> None:
    changed = replace(
        shapes["backdoored"],
        settings={"model": "my models/a.pt", "exit_zero": True, "seed": 7, "prior": 0.1},
        origins={"exit_zero": "command line", "seed": "command line", "prior": "default"},
    )
    assert "clipguard scan 'my models/a.pt' --exit-zero --seed 7" in page(changed).words


def hostile(item: Any, suffix: str, path: str = "") -> Any:
    """A copy in which every text from outside ends in ``suffix``."""
    if isinstance(item, str) and type(item) is str:
        kept = path.endswith(("png_base64", "status", "unit"))
        return item if kept else item + suffix
    if isinstance(item, tuple):
        return tuple(hostile(value, suffix, path) for value in item)
    if isinstance(item, dict):
        return {key + suffix: hostile(value, suffix, key) for key, value in item.items()}
    if dataclasses.is_dataclass(item):
        fields = {
            field.name: hostile(getattr(item, field.name), suffix, field.name)
            for field in dataclasses.fields(item)
        }
        return replace(item, **fields)  # type: ignore[type-var]  # an instance, not a class
    return item


def unsafe(text: str) -> set[str]:
    categories = {letter: unicodedata.category(letter) for letter in set(text) - {"\n"}}
    return {letter for letter, kind in categories.items() if kind in {"Cc", "Cf", "Zl", "Zp", "Cs"}}


def test_hostile_names_add_no_element_and_hide_nothing(
    build: ModuleType, shapes: dict[str, Result]
) -> None:
    benign = shapes["audit"]
    wanted = [tag for tag, _ in page(hostile(benign, "x")).elements]
    for text in build.HOSTILE:
        result = hostile(benign, text)
        data = render_html(result)
        found = Page(data)
        assert [tag for tag, _ in found.elements] == wanted, text
        assert not unsafe(data.decode()), text
        assert schema.loads(found.embedded).tool == result.tool


def test_template_text_in_a_name_is_not_executed(shapes: dict[str, Result]) -> None:
    changed = edit(shapes["backdoored"], "delivered.verdict.summary", "{{ 7 * 191 }}")
    text = page(changed).words
    assert "{{ 7 * 191 }}" in text
    assert "1337" not in text


def test_a_picture_that_is_none_stays_without_source(shapes: dict[str, Result]) -> None:
    bad = Picture(png_base64='"><script>alert(1)</script>', alt="x")
    changed = edit(shapes["backdoored"], "delivered.demonstrations.0.original", bad)
    found = page(changed)
    assert found.all("img")[0]["src"] == "data:image/png;base64,"
    assert found.all("script") == []


def test_too_many_pictures_are_left_out_and_counted(shapes: dict[str, Result]) -> None:
    large = Picture(png_base64="A" * 200_000, alt="x")
    result = shapes["audit"]
    for index in range(6):
        for side in ("original", "triggered"):
            result = edit(result, f"delivered.demonstrations.{index}.{side}", large)
    data = render_html(result)
    assert len(data) < 2_000_000
    assert len(Page(data).all("img")) == 2
    assert "5 more are in the JSON result" in Page(data).words


def test_embedded_json_is_the_result_without_pictures(shape: Result) -> None:
    embedded = page(shape).embedded
    assert hashlib.sha256(embedded).hexdigest() in page(shape).words
    jsonschema.validate(json.loads(embedded), schema.json_schema())
    found, wanted = schema.loads(embedded), shape
    for side in ("delivered", "repaired"):
        scan = getattr(wanted, side)
        for index in range(len(scan.demonstrations) if scan else 0):
            for name in ("original", "triggered"):
                path = f"{side}.demonstrations.{index}.{name}.png_base64"
                wanted = edit(wanted, path, "")
    assert found == wanted


_RENDER = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("report_builders", sys.argv[1])
build = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = build
spec.loader.exec_module(build)
from clipguard.report.html import render_html
from clipguard.report.text import render_text
for name, result in build.shapes().items():
    (pathlib.Path(sys.argv[2]) / f"{name}.html").write_bytes(render_html(result))
    (pathlib.Path(sys.argv[2]) / f"{name}.txt").write_text(render_text(result))
loaded = {"torch", "open_clip", "onnxruntime", "sklearn", "matplotlib.pyplot"} & set(sys.modules)
assert not loaded, loaded
"""


def test_two_processes_render_equal_bytes_without_torch(tmp_path: Path) -> None:
    settings = {"a": "font.size: 30\nsvg.fonttype: path\n", "b": ""}
    for seed, (name, style) in enumerate(settings.items()):
        home = tmp_path / f"home-{name}"
        (tmp_path / name).mkdir()
        home.mkdir()
        (home / "matplotlibrc").write_text(style)
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                _RENDER,
                str(Path(__file__).with_name("builders.py")),
                str(tmp_path / name),
            ],
            env={
                "PYTHONHASHSEED": str(seed),
                "MPLCONFIGDIR": str(home),
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout + done.stderr == ""
    files = sorted((tmp_path / "a").iterdir())
    assert len(files) == 28
    for file in files:
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
