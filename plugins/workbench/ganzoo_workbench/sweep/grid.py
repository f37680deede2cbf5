"""A grid of runs: seeds times every combination of the values that are listed. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from ganzoo.errors import UserError, in_one_line
from ganzoo.layers import Assignment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SEED = "train.seed"
STEPS = "train.steps"

MOST_RUNS = 10_000
"""Runs of one grid; more are taken for a mistake."""

_SPAN = re.compile(r"(\d{1,30})(?:-(\d{1,30}))?")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_SHOWN = 60


@dataclass(frozen=True)
class Axis:
    """One ``--set`` with all its values; a single value is the same in every run."""

    key: str
    values: tuple[str | None, ...]
    """As they were written; None where the ``=`` is missing, which the settings complain of."""

    @property
    def varies(self) -> bool:
        """Whether runs differ in it."""
        return len(self.values) > 1


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    seed: int
    assignments: tuple[Assignment, ...]
    """Every ``--set`` in its order, with the value of this run."""
    varied: tuple[tuple[str, str], ...]
    """Key and value of those in which runs of the grid differ."""

    @property
    def pairs(self) -> str:
        """``model.routing=joint``: what it has of its own but for the seed."""
        return ", ".join(f"{key}={text}" for key, text in self.varied)


@dataclass(frozen=True)
class Grid:
    """What is run: by ``seeds`` first, so that every setting has its first results early."""

    seeds: tuple[int, ...]
    axes: tuple[Axis, ...]

    @property
    def varied(self) -> tuple[Axis, ...]:
        """The settings in which runs differ."""
        return tuple(axis for axis in self.axes if axis.varies)

    @property
    def settings(self) -> int:
        """Combinations of values, each of which is run with every seed."""
        count = 1
        for axis in self.axes:
            count *= len(axis.values)
        return count

    def cells(self) -> Iterator[Cell]:
        """Every run, each seed with all combinations before the next seed."""
        for seed in self.seeds:
            for values in product(*(axis.values for axis in self.axes)):
                pairs = list(zip(self.axes, values, strict=True))
                yield Cell(
                    seed,
                    tuple(Assignment(axis.key, text) for axis, text in pairs),
                    tuple((axis.key, str(text)) for axis, text in pairs if axis.varies),
                )


@dataclass(frozen=True)
class Base:
    """What all runs of a grid have in common, as the command line had it."""

    model: str
    preset: str | None = None
    data: str | None = None
    steps: str | None = None
    files: Sequence[Path] = ()
    plugins: Sequence[Path] = ()
    """Files that ``ganzoo --plugin`` named."""

    def words(self, command: str, settings: Sequence[str], *others: str) -> list[str]:
        """The words behind ``ganzoo`` for a command with these ``K=V``, and with other options."""
        options = [("--preset", self.preset), ("--data", self.data), ("--steps", self.steps)]
        return [
            *(word for file in self.plugins for word in ("--plugin", str(file))),
            *(command, self.model),
            *(word for name, value in options if value is not None for word in (name, value)),
            *(word for file in self.files for word in ("--config", str(file))),
            *(word for setting in settings for word in ("--set", setting)),
            *others,
        ]


def read_grid(seeds: str, settings: Sequence[str]) -> Grid:
    """The grid of ``--seeds`` and every ``--set``.

    Raises:
        UserError: it cannot be read, is empty or too large, or has a value or a key twice.
    """
    axes = [_read_axis(text) for text in settings]
    keys = [axis.key for axis in axes]
    for key in keys:
        if key == SEED:
            raise UserError(f"--set {SEED} cannot stand in a sweep", hint="Take --seeds for it.")
        if keys.count(key) > 1:
            raise UserError(
                f"--set {key} is there twice", hint=f"List its values in one: --set {key}=A,B"
            )
    grid = Grid(tuple(read_seeds(seeds)), tuple(axes))
    if len(grid.seeds) * grid.settings > MOST_RUNS:
        raise UserError(
            f"the grid has {len(grid.seeds) * grid.settings:,} runs, at most {MOST_RUNS:,} can be"
        )
    return grid


def read_seeds(text: str) -> list[int]:
    """The seeds that ``0-9``, ``3`` or ``0-4,7`` stand for, in that order. Raises UserError."""
    seeds: list[int] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            shown = in_one_line(text, _SHOWN)
            raise UserError(
                f"--seeds {shown!r} is no list of seeds", hint="Write it as in: --seeds 0-4,7"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"--seeds {part.strip()} has no seed: {last} comes before {first}")
        if last >= 2**63:
            raise UserError(f"--seeds {in_one_line(part, _SHOWN)}: a seed is below 2^63")
        if last - first >= MOST_RUNS:
            raise UserError(
                f"--seeds {part.strip()} are {last - first + 1:,} runs, "
                f"at most {MOST_RUNS:,} can be"
            )
        seeds += range(first, last + 1)
    _refuse_twice("--seeds", [str(seed) for seed in seeds])
    return seeds


def split_values(text: str) -> list[str]:
    """Split at commas that are inside no quotes and no brackets. Raises UserError if one is open.

    ``categorical(10),[1,2],"a,b"`` are three values.
    """
    values, closing, quote, start = [], [""], "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _PAIRS:
            closing.append(_PAIRS[character])
        elif character in _PAIRS.values():
            if closing.pop() != character:
                raise UserError(f"the brackets of {in_one_line(text, _SHOWN)!r} do not match")
        elif character == "," and len(closing) == 1:
            values.append(text[start:place])
            start = place + 1
    if quote or len(closing) > 1:
        what = "quotes" if quote else "brackets"
        raise UserError(f"the {what} of {in_one_line(text, _SHOWN)!r} are not closed")
    return [value.strip() for value in (*values, text[start:])]


def _read_axis(argument: str) -> Axis:
    assignment = Assignment.parse(argument)
    if assignment.text is None or "," not in assignment.text:
        return Axis(assignment.key, (assignment.text,))
    values = split_values(assignment.text)
    if len(values) > 1 and "" in values:
        raise UserError(f"--set {in_one_line(argument, _SHOWN)} lists a value that is empty")
    _refuse_twice(f"--set {assignment.key}", values)
    return Axis(assignment.key, tuple(values))


def _refuse_twice(option: str, values: Sequence[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise UserError(f"{option} has {in_one_line(value, _SHOWN)} twice")
        seen.add(value)
