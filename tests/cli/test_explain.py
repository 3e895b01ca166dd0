from __future__ import annotations

import io

import pytest
from click.testing import CliRunner
from PIL import Image

from clipguard.cli.explain import command
from clipguard.core.errors import ConfigError, UsageError
from clipguard.triggers import load_rules


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.id)
def test_every_family_is_explained(rule):
    text = run(rule.id).stdout
    assert rule.source in text
    assert " ".join(rule.description.split()[:3]) in text
    assert all(variant.id in text for variant in rule.variants)


def test_one_variant_alone():
    text = run("noise-patch-wrapped:random@0.14").stdout
    assert "random@0.14" in text
    assert "random@0.25" not in text


@pytest.mark.parametrize("name", ["file.pickle_exec", "readable_words", "arch.unknown"])
def test_other_identifiers_are_explained(name):
    assert run(name).stdout.startswith(f"{name} (")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("noise-corner", "noise-corners"),
        ("file.pickle-exec", "file.pickle_exec"),
        ("noise-corners:corner@0.14", "noise-corners:corners@0.14"),
    ],
)
def test_unknown_identifiers_name_the_nearest(name, nearest):
    with pytest.raises(ConfigError, match=f'nearest is "{nearest}"'):
        run(name)


def test_a_sample_is_a_picture(tmp_path):
    path = tmp_path / "sample.png"
    run("yellow-square", "--sample", str(path))
    picture = Image.open(io.BytesIO(path.read_bytes()))
    assert picture.size == (224, 224)
    assert (255, 255, 0) in {colour for _, colour in picture.getcolors(1 << 20)}


def test_only_families_have_samples(tmp_path):
    with pytest.raises(UsageError, match="samples"):
        run("file.pickle_exec", "--sample", str(tmp_path / "x.png"))
    assert not list(tmp_path.iterdir())
