"""A chart as places of lines and labels: the template draws it, a style sheet colours it.

Drawn by a few lines of our own, since a report is written while a training waits: all charts take a
few hundredths of a second, as long as one of matplotlib, which is half a second to import; and here
a style sheet has the colours, for dark and light, and the page knows the value under the pointer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo_workbench.report.curves import Thinned, Values, thin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ganzoo_workbench.report.curves import Point

WIDTH, HEIGHT = 300, 160
"""Of the view box; a chart is as wide as the page lets it be."""

LEFT, RIGHT, TOP, BOTTOM = 40, 296, 8, 136

_MOST_VALUES = 400
"""Values in the table of a chart, those of all runs together."""

_MOST_ROWS = 200


@dataclass(frozen=True)
class Level:
    """A line across the whole chart, such as the entropy of a code."""

    value: float
    label: str


@dataclass(frozen=True)
class Tick:
    """A label at an axis, at a place in the view box."""

    place: float
    text: str


@dataclass(frozen=True)
class Line:
    """One run's curve."""

    run: int
    """Which run it is of: its place among those of the report."""
    path: str
    """An SVG path."""
    band: str
    """The path around everything that the thinned line averages; empty without thinning."""
    dots: Sequence[tuple[float, float]]
    """Values that no line leads to: their neighbours are missing."""


@dataclass(frozen=True)
class Row:
    """Values of a chart after one turn; None where a run has none."""

    step: int
    values: Sequence[str | None]


@dataclass(frozen=True)
class Chart:
    """Everything that the template needs."""

    title: str
    lines: Sequence[Line]
    across: Sequence[Tick]
    up: Sequence[Tick]
    level: Tick | None
    rows: Sequence[Row]
    columns: Sequence[str]
    """Heads of the values in ``rows``."""
    runs: Sequence[int]
    """The run of each column, by its place; empty in a report of one run."""
    first: int
    last: int
    alt: str
    is_whole: bool


def draw(
    title: str, curves: Mapping[int, Values], marks: Sequence[str], level: Level | None = None
) -> Chart | None:
    """A chart of one figure: for each run, by its place, its values; None if there is no value.

    ``marks`` are the short names of all runs; empty ones for a report of one run.
    """
    curves = {
        run: values
        for run, values in curves.items()
        if any(value is not None for _, value in values)
    }
    if not curves:
        return None
    thinned = thin(list(curves.values()), min(_MOST_ROWS, _MOST_VALUES // len(curves)))
    points = [point for curve in thinned.curves for point in curve.values() if point is not None]
    values = [value for point in points for value in (point.low, point.high)]
    values += [level.value] if level else []
    scale = _Scale.around(values, thinned.steps)
    runs = list(curves)
    lines = [
        _line(run, curve, thinned, scale) for run, curve in zip(runs, thinned.curves, strict=True)
    ]
    alone = len(runs) == 1 and not marks[runs[0]]
    columns = ["value"] if alone else [marks[run] for run in runs]
    if alone and not thinned.is_whole:
        columns = ["mean", "least", "greatest"]
    return Chart(
        title=title,
        lines=lines,
        across=[Tick(scale.x(step), f"{step:,}") for step in _turns(scale.first, scale.last)],
        up=[Tick(scale.y(value), _short(value, scale.step)) for value in scale.ticks],
        level=None
        if level is None
        else Tick(scale.y(level.value), f"{level.label} = {figure(level.value)}"),
        rows=list(_rows(thinned, extremes=len(columns) > len(runs))),
        columns=columns,
        runs=[] if alone else runs,
        first=scale.first,
        last=scale.last,
        alt=_alt(title, thinned, [marks[run] for run in runs]),
        is_whole=thinned.is_whole,
    )


def figure(value: float) -> str:
    """A value with three digits or four: ``0.0154``, ``12.35``, ``1,204``, ``3.1e-05``."""
    size = abs(value)
    if value and not 0.001 <= size < 1_000_000:
        text = f"{value:.3g}"
    else:
        decimals = max(3 - _magnitude(max(size, 1)), 2 - _magnitude(size or 0.1), 0)
        text = f"{value:,.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if value < 0 else text


@dataclass(frozen=True)
class _Scale:
    """From turns and values to places in the view box."""

    first: int
    last: int
    ticks: Sequence[float]
    step: float

    @classmethod
    def around(cls, values: Sequence[float], steps: Sequence[int]) -> _Scale:
        low, high = min(values), max(values)
        if high - low < 1e-9 * max(abs(high), abs(low), 1e-9):
            low, high = low - max(abs(low), 1) * 0.1, high + max(abs(high), 1) * 0.1
        step = _nice((high - low) / 3)
        bottom, top = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = [place * step for place in range(bottom, top + 1)]
        return cls(min(0, steps[0]), max(steps[-1], 1), ticks, step)

    def x(self, step: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (step - self.first) / (self.last - self.first), 1)

    def y(self, value: float) -> float:
        share = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _nice(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, … times a power of ten."""
    power = 10.0 ** _magnitude(step)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _turns(first: int, last: int) -> Iterator[int]:
    step = max(1, round(_nice((last - first) / 3)))
    yield from range(-(-first // step) * step, last + 1, step)


def _short(value: float, step: float) -> str:
    """A tick's value with as many digits as tell it from the next one, a ``step`` away."""
    if abs(value) >= 100_000 or step < 0.0001:
        digits = _magnitude(value) - _magnitude(step) + 1 if abs(value) > step / 2 else 1
        mantissa, _, exponent = f"{value if digits > 0 else 0:.{max(digits, 1)}g}".partition("e")
        text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    else:
        decimals = max(0, -_magnitude(step))
        text = f"{round(value, decimals) + 0.0:,.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _magnitude(value: float) -> int:
    """The power of ten that a value begins with: 2 for 300, -2 for 0.03."""
    return math.floor(math.log10(abs(value)) + 1e-9)


def _line(run: int, curve: Mapping[int, Point | None], thinned: Thinned, scale: _Scale) -> Line:
    stretches: list[list[tuple[float, Point]]] = [[]]
    for place in sorted(curve):
        point = curve[place]
        if point is None:
            stretches.append([])
        else:
            stretches[-1].append((scale.x(thinned.steps[place]), point))
    drawn = [stretch for stretch in stretches if len(stretch) > 1]
    band = ""
    if not thinned.is_whole:
        band = "".join(_around(stretch, scale) for stretch in drawn)
    return Line(
        run,
        "".join(_path([(x, scale.y(point.mean)) for x, point in stretch]) for stretch in drawn),
        band,
        [
            (x, scale.y(point.mean))
            for stretch in stretches
            if len(stretch) == 1
            for x, point in stretch
        ],
    )


def _around(stretch: Sequence[tuple[float, Point]], scale: _Scale) -> str:
    above = [(x, scale.y(point.high)) for x, point in stretch]
    below = [(x, scale.y(point.low)) for x, point in reversed(stretch)]
    return _path(above + below) + "z"


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def _rows(thinned: Thinned, *, extremes: bool) -> Iterator[Row]:
    for place, step in enumerate(thinned.steps):
        points = [curve.get(place) for curve in thinned.curves]
        values = [None if point is None else point.mean for point in points]
        if extremes:
            values += [None if point is None else point.low for point in points]
            values += [None if point is None else point.high for point in points]
        if any(value is not None for value in values):
            yield Row(step, [None if value is None else figure(value) for value in values])


def _alt(title: str, thinned: Thinned, marks: Sequence[str]) -> str:
    """The chart in a sentence for each run."""
    told = []
    for mark, curve in zip(marks, thinned.curves, strict=True):
        known = [(place, point) for place, point in sorted(curve.items()) if point is not None]
        if not known:
            continue
        (begun, before), (ended, after) = known[0], known[-1]
        name = f"run {mark}" if mark else title
        told.append(
            f"{name} goes from {figure(before.mean)} at turn {thinned.steps[begun]:,} "
            f"to {figure(after.mean)} at turn {thinned.steps[ended]:,}"
        )
    return f"Chart of {title} over turns: {'; '.join(told)}."
