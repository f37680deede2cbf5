"""How far a run of a sweep has come, as its folder tells."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ganzoo.comparison import read_run
from ganzoo.errors import UserError
from ganzoo.export import CONFIG
from ganzoo.overview import overview

if TYPE_CHECKING:
    from ganzoo.folder import RunFolder

_TAIL = 64 * 1024
"""Bytes at the end of ``metrics.jsonl`` that hold its last line."""


class Stage(Enum):
    """What is left to do of a run."""

    NEW = "new"
    UNFINISHED = "to continue"
    UNSCORED = "to score"
    FINISHED = "finished"


@dataclass(frozen=True)
class Standing:
    """How far a run has come."""

    stage: Stage
    step: int
    """Turns that its exported model has been trained for."""


def standing(run: RunFolder, steps: int) -> Standing:
    """How far a run has come on its way to ``steps`` turns and the scores after them."""
    if not run.is_run():
        return Standing(Stage.NEW, 0)
    seen = overview(run, run.model / CONFIG)
    if seen.step < steps:
        return Standing(Stage.UNFINISHED, seen.step)
    return Standing(Stage.FINISHED if _is_scored(run, seen.step) else Stage.UNSCORED, seen.step)


def turns_reported(run: RunFolder) -> int:
    """The turn of the last report of a run that may be under way; 0 if there is none."""
    try:
        with run.metrics.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            lines = file.read().decode(errors="replace").split("\n")
        return int(json.loads(lines[-2])["step"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def _is_scored(run: RunFolder, step: int) -> bool:
    """Whether there are scores, and those of the model as it is."""
    try:
        return all(scored == step for scored in read_run(run.path).steps)
    except UserError:
        return False
