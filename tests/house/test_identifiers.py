"""Every identifier that an error line can show is explained."""

from __future__ import annotations

import ast
from pathlib import Path

from clipguard.config.explanations import load_explanations

PACKAGE = Path(__file__).resolve().parents[2] / "clipguard"


def raised() -> dict[str, str]:
    """Codes given to error classes in the sources, with one place each."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func).endswith("Error") and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found[code.value] = f"{path.name}:{node.lineno}"
    return {code: place for code, place in found.items() if "." in code and " " not in code}


def test_every_error_is_explained():
    codes = raised()
    assert len(codes) > 50
    known = {entry.id for entry in load_explanations()}
    assert {code: place for code, place in codes.items() if code not in known} == {}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
