"""``clipguard schema`` prints the schema that results are checked against."""

from __future__ import annotations

import json

from click.testing import CliRunner

from clipguard.cli.schema import command
from clipguard.core.schema import json_schema


def test_schema_is_printed_as_json() -> None:
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads(json.dumps(json_schema()))
