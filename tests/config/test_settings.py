"""The settings file: where it is found and what it may hold."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.cli.group import COMMANDS, group
from clipguard.config import settings
from clipguard.core.errors import ClipguardError, ConfigError


def test_the_nearest_file_upward_wins(tmp_path):
    deep = tmp_path / "a/b/c"
    deep.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert settings.find(deep) is None
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.clipguard]\nseed = 1\n")
    assert settings.find(deep) == project
    own = tmp_path / "a/clipguard.toml"
    own.write_text("")
    assert settings.find(deep) == own
    beside = tmp_path / "clipguard.toml"
    beside.write_text("")
    assert settings.find(tmp_path) == beside


def test_the_search_ends_at_the_root_of_the_repository(tmp_path):
    (tmp_path / "clipguard.toml").write_text("")
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/deep").mkdir()
    assert settings.find(tmp_path / "repository/deep") is None
    assert settings.find(tmp_path) == tmp_path / "clipguard.toml"


@pytest.mark.parametrize("text", ["[tool.other]\n", "broken = = 1\n", "\udcff"])
def test_projects_without_settings_are_passed_by(tmp_path, text):
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text(text, errors="surrogateescape")
    assert settings.find(tmp_path) is None


def test_tables_of_a_command_win_and_paths_follow_the_file(tmp_path):
    path = tmp_path / "clipguard.toml"
    path.write_text('model = "m.pt"\narch = "ViT-B-32"\nsteps = 3\n[clean]\narch = "own.json"\n')
    values = settings.read(path).values
    assert values["scan"] == {"model": str(tmp_path / "m.pt"), "arch": "ViT-B-32"}
    assert values["clean"] == {
        "model": str(tmp_path / "m.pt"),
        "arch": str(tmp_path / "own.json"),
        "steps": 3,
    }


def test_the_known_keys_are_the_options_of_the_commands():
    unsettable = {"html", "as_json", "config", "quiet", "verbose", "debug"}
    with click.Context(group) as ctx:
        for name, known in settings.KNOWN.items():
            options = {param.name for param in group.get_command(ctx, name).params}
            own = {"scan": {"output"}, "evaluate": {"output", "data"}}.get(name, set())
            assert options - unsettable - own == set(known)
    assert settings.KNOWN.keys() <= COMMANDS.keys()


_SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.text("ab ", max_size=3))


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["seed", "prior", "model", "fail_on", "scan"]), st.text("sed")),
        st.one_of(_SCALARS, st.lists(_SCALARS, max_size=2)),
        max_size=3,
    )
)
def test_anything_is_read_or_refused_by_name(tmp_path_factory, tables):
    path = tmp_path_factory.mktemp("settings") / "clipguard.toml"
    path.write_text("".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in tables.items()))
    values, error = _read(path)
    if error is None:
        assert all(type(values[key]) is type(value) for key, value in tables.items())
    else:
        assert any(key in error.what for key in tables)
        assert error.remedy


def _read(path: Path) -> tuple[dict, ConfigError | None]:
    try:
        return dict(settings.read(path).values["scan"]), None
    except ConfigError as error:
        return {}, error


def test_bad_toml_names_the_line(tmp_path):
    path = tmp_path / "clipguard.toml"
    path.write_text("seed = 1\nseed = 2\n")
    with pytest.raises(ClipguardError, match="line 2"):
        settings.read(path)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_missing(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        settings.read(tmp_path / "clipguard.toml")
