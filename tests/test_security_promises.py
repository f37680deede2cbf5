"""SECURITY.md promises nothing without a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_promise_is_linked_to_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    linked = re.findall(r"`((?:plugins/\w+/)?tests/\w+\.py)::(test_\w+)`", text)
    assert len(linked) > 20
    for file, name in linked:
        functions = {
            node.name
            for node in ast.parse((ROOT / file).read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{file}::{name}"
    promises = [line for line in text.split("## Not promised")[0].splitlines() if line[:2] == "- "]
    blocks = text.split("## Not promised")[0].split("\n- ")[1:]
    assert len(promises) == len(blocks)
    for block in blocks:
        assert re.search(r"tests/\w+\.py::", block), f"a promise without a test: {block}"
