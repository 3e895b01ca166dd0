"""Under Ray the same plan ends in the same table. Ray is not installed for ordinary test runs."""

from __future__ import annotations

import pytest

pytest.importorskip("ray")


@pytest.mark.slow
def test_the_table_is_that_of_the_local_engine(cli, models, tmp_path):
    assert cli("plan", "models")[0] == 0
    assert cli("run", "-o", "local")[0] == 1
    code, _, told = cli("run", "-o", "ray", "--engine", "ray")
    assert code == 1
    assert "Ray was ready after" in told
    for name in ("fleet.json", "fleet.html", "fleet.xml"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
