"""Every malformed input of a table ends in exit code 2, one clear message, nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bad_input import (
    command_cases,
    data_cases,
    file_cases,
    image_cases,
    model_cases,
    plugin_cases,
    run_cases,
    setting_cases,
)
from bad_input.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bad_input.case import Case

GROUPS = {
    "settings": setting_cases.CASES,
    "command": command_cases.CASES,
    "file": file_cases.CASES,
    "data": data_cases.CASES,
    "image": image_cases.CASES,
    "model": model_cases.CASES,
    "run": run_cases.CASES,
    "plugin": plugin_cases.CASES,
}
TABLE = [
    pytest.param(case, id=f"{group}: {case.name}")
    for group, cases in GROUPS.items()
    for case in cases
]

MOST_LINES = 8
MOST_CHARACTERS = 1200


@pytest.mark.parametrize("case", TABLE)
def test_malformed_input_is_one_clear_message(
    case: Case, here: Path, place_run: Callable[[], Path]
) -> None:
    if case.trained:
        place_run()
    case.make(here)
    before = state_of(here)

    result = run_command(case.command)

    assert result.exit_code == 2, (result.exception, result.output)
    assert isinstance(result.exception, SystemExit)
    assert case.says in result.stderr
    assert case.begins or result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert sum("rror: " in line[:8] for line in lines) == 1, "one message"
    assert len(lines) <= MOST_LINES
    assert len(result.stderr) <= MOST_CHARACTERS
    assert all(line.isprintable() for line in lines)
    assert state_of(here) == before


def test_the_table_is_long_and_no_input_is_in_it_twice() -> None:
    assert len(TABLE) >= 120
    assert len({case.id for case in TABLE}) == len(TABLE)


def state_of(folder: Path) -> dict[Path, tuple[int, int] | None]:
    """Size and time of every file at any depth; None for a folder."""
    return {path: None if path.is_dir() else _size_and_time(path) for path in folder.rglob("*")}


def _size_and_time(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_size, state.st_mtime_ns
