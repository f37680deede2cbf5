"""Listings go on where one of their items is broken, and say which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from bad_input.case import file
from bad_input.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPOILT = {
    "scores of nothing": ("scores.json", ""),
    "scores of words": ("scores.json", '{"schema": 1, "scores": {"x": {"value": "a"}}}'),
    "scores in a list": ("scores.json", "[1]"),
    "settings of prose": ("settings.toml", "train it"),
    "a config of nothing": ("model/config.json", ""),
    "a config in a list": ("model/config.json", "[1]"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_run_with_a_damaged_file_is_listed_with_its_name(
    spoilt: str, here: Path, place_run: Callable[[], Path]
) -> None:
    name, content = SPOILT[spoilt]
    (place_run() / name).write_text(content)
    result = run_command("runs .")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("run ")
    assert f"({name.rpartition('/')[2]} cannot be read)" in result.stdout
    [row] = json.loads(run_command("runs . --json").stdout)
    assert row["damaged"] == [name.rpartition("/")[2]]


def test_settings_of_other_types_are_listed_as_unknown(
    here: Path, place_run: Callable[[], Path]
) -> None:
    (place_run() / "settings.toml").write_text('model = 3\ntrain = "x"\npreset = [1]\n')
    [row] = json.loads(run_command("runs . --json").stdout)
    assert (row["model"], row["preset"], row["seed"], row["steps"]) == (None, None, None, 0)


def test_a_broken_line_of_metrics_keeps_nobody_from_a_run(
    here: Path, place_run: Callable[[], Path]
) -> None:
    metrics = place_run() / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 2, "sec')
    assert run_command("runs .").exit_code == 0
    assert run_command("sample run -n 1 -o one.png").exit_code == 0


def test_what_a_plugin_prints_is_kept_out_of_the_listing(here: Path) -> None:
    text = "from ganzoo import hookimpl\nprint('noise')\n"
    file("idea.py", f"{text}\n@hookimpl\ndef ganzoo_losses():\n    print('more')\n    return []\n")(
        here
    )
    result = run_command("--plugin idea.py losses --json")
    assert result.exit_code == 0
    assert isinstance(json.loads(result.stdout), list)
    assert "noise" in result.stderr


def test_a_hook_that_gives_nothing_costs_only_itself(here: Path) -> None:
    text = "from ganzoo import hookimpl\n\n@hookimpl\ndef ganzoo_losses():\n    return None\n"
    file("idea.py", text)(here)
    result = run_command("--plugin idea.py losses")
    assert result.exit_code == 0
    assert "adversarial" in result.stdout
    assert "returns None, not an iterable" in result.stderr
