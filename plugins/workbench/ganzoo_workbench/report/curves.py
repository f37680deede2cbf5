"""Curves of figures over turns, thinned so that a chart and its table can hold them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Values: TypeAlias = "Sequence[tuple[int, float | None]]"
"""A figure by turn; None where it was no number."""


@dataclass(frozen=True)
class Point:
    """What a curve was around one turn."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Thinned:
    """Curves of one figure at the same turns."""

    steps: Sequence[int]
    """Each stands for the turns after the one before it."""
    curves: Sequence[Mapping[int, Point | None]]
    """By the place in ``steps``; None where there was no number, nothing where nothing was told."""
    is_whole: bool
    """Whether every value is there as it was."""


def thin(curves: Sequence[Values], most: int) -> Thinned:
    """The curves at ``most`` turns or fewer; what lies between two of them is averaged."""
    told = sorted({step for curve in curves for step, _ in curve})
    steps = told if len(told) <= most else _even(told, most)
    return Thinned(steps, [_at(curve, steps) for curve in curves], steps is told)


def _even(told: Sequence[int], most: int) -> list[int]:
    """Ends of spans of equal length, the last one the last turn."""
    first, last = told[0], told[-1]
    return sorted({first + round((last - first) * (n + 1) / most) for n in range(most)})


def _at(curve: Values, steps: Sequence[int]) -> dict[int, Point | None]:
    gathered: dict[int, list[float | None]] = {}
    for step, value in curve:
        gathered.setdefault(bisect_left(steps, step), []).append(value)
    return {place: _point(values) for place, values in gathered.items()}


def _point(values: Sequence[float | None]) -> Point | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Point(sum(known) / len(known), min(known), max(known))
