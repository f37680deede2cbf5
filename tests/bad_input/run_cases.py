"""Runs whose scores or settings are not what they should be, as ``compare`` meets them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bad_input.case import RUN, Case, Make, both, change, remove

if TYPE_CHECKING:
    from pathlib import Path

_COMPARE = "compare run other"


def _other(here: Path) -> None:
    shutil.copytree(here / RUN, here / "other")


def _scores(name: str, content: str, says: str) -> Case:
    make = both(_other, change("scores.json", lambda _: content.encode()))
    return Case(f"scores that are {name}", _COMPARE, says, make, trained=True)


def _settings(name: str, content: str, says: str) -> Case:
    make: Make = both(_other, change("settings.toml", lambda _: content.encode()))
    return Case(f"settings that are {name}", _COMPARE, says, make, trained=True)


def _score(value: str) -> str:
    return f'{{"schema": 1, "scores": {{"x": {{"value": {value}}}}}}}'


CASES = [
    Case(
        "a run without scores",
        _COMPARE,
        "run has no scores.json: make it with",
        both(_other, remove("scores.json")),
        trained=True,
    ),
    _scores("nothing", "", "scores.json cannot be read"),
    _scores("prose", "good", "scores.json cannot be read"),
    _scores("cut short", '{"schema": 1, "sco', "scores.json cannot be read"),
    _scores("too deep", "[" * 99_999, "scores.json cannot be read"),
    _scores("a list", "[]", "has layout None"),
    _scores("of another layout", '{"schema": 2}', "has layout 2"),
    _scores("missing", '{"schema": 1}', "holds something that is no score"),
    _scores("words", _score('"good"'), "holds something that is no score"),
    _scores("true", _score("true"), "holds something that is no score"),
    _scores("beyond floats", _score("9" * 400), "holds something that is no score"),
    _scores("of a step that is a word", _score('1, "step": "x"'), "is no score"),
    _settings("prose", "train it", "settings.toml cannot be read"),
    _settings("a number", "train = 3", "[train] is not what it should be"),
    _settings("of a seed that is a word", '[train]\nseed = "x"', "[train] is not"),
]
