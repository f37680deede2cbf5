"""What there is to say of a run in one line, whatever state its files are in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.comparison import read_scores
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ganzoo.folder import RunFolder

_UNREADABLE = (OSError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True)
class Overview:
    """One run of a list; what its files do not tell is None, 0 or empty."""

    run: str
    model: str | None
    preset: str | None
    seed: int | None
    step: int
    """Turns that were trained when the model was last exported."""
    steps: int
    """Turns that were asked for."""
    scores: Mapping[str, float]
    headlines: tuple[str, ...]
    """The scores that tell most."""
    damaged: tuple[str, ...]
    """Names of files that are there, and are not what they should be."""


def overview(run: RunFolder, config: Path) -> Overview:
    """Look at one run; ``config`` is the ``config.json`` of its exported model."""
    damaged: list[str] = []
    settings = _read(run.settings, tomllib.loads, damaged)
    model, train = _table(settings.get("model")), _table(settings.get("train"))
    step = _read(config, json.loads, damaged).get("step")
    scores: Mapping[str, Mapping[str, Any]] = {}
    if run.scores.is_file():
        try:
            scores = read_scores(run.scores, run.path)
        except UserError:
            damaged.append(run.scores.name)
    return Overview(
        run=str(run.path),
        model=_text(model.get("name")),
        preset=_text(settings.get("preset")),
        seed=_number(train.get("seed")),
        step=_number(step) or 0,
        steps=_number(train.get("steps")) or 0,
        scores={name: score["value"] for name, score in scores.items()},
        headlines=tuple(name for name, score in scores.items() if score.get("headline") is True),
        damaged=tuple(damaged),
    )


def _read(path: Path, parse: Callable[[str], Any], damaged: list[str]) -> Mapping[str, Any]:
    """The table in a file, an empty one if there is no file or it is ``damaged``."""
    if not path.is_file():
        return {}
    try:
        table = parse(path.read_text(encoding="utf-8"))
    except _UNREADABLE:
        table = None
    if not isinstance(table, Mapping):
        damaged.append(path.name)
    return _table(table)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
