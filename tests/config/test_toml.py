from __future__ import annotations

import pytest

from clipguard.config import toml
from clipguard.core.errors import ConfigError


def test_tables_are_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("a = [1, 2.5]\n[b]\nc = 'd'\n")
    assert toml.load(path) == {"a": [1, 2.5], "b": {"c": "d"}}


@pytest.mark.parametrize("data", [b"a = ", b"a = 1\na = 2", b"\xff\xfe", b"a = '\x00'"])
def test_what_is_no_toml_is_refused(tmp_path, data):
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        toml.load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.missing"):
        toml.load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"config\.unreadable"):
        toml.load(tmp_path)
