"""``ganzoo compare``: the scores of several runs in one table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.arguments import json_option
from ganzoo.cli.terminal import width
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ganzoo.comparison import Comparison, Group, ScoredRun

_ABSENT = "-"
_HASH = re.compile("[0-9a-f]{32,}")


@click.command("compare", short_help="Put the scores of several runs side by side.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def compare_command(*, runs: tuple[Path, ...], as_json: bool) -> None:
    """Put the scores of several runs (scores.json of each RUN) side by side.

    Runs whose settings differ in the seed alone and that were scored at the same step are one
    group: mean ± standard deviation, and every value. Scores of other numbers of images, splits,
    data, weights, protocols or feature extractors, or under other conditions that a score names,
    are not put side by side; where nothing is left, the exit code is 2. Versions of libraries that
    differ are told.
    """
    from ganzoo.comparison import compare, read_runs, to_json

    scored = read_runs(runs)
    if len(scored) < 2:
        raise UserError("one run cannot be compared", hint="Name at least two different runs.")
    comparison = compare(scored)
    if as_json:
        click.echo(json.dumps(to_json(comparison), indent=2))
    else:
        click.echo("\n".join(page(comparison)))
    if not comparison.anything:
        raise UserError("no score of these runs can be compared")


def page(comparison: Comparison) -> Iterator[str]:
    """The lines of the tables, and of what is not compared."""
    marks = [
        chr(ord("A") + place) if place < 26 else f"#{place + 1}"
        for place in range(len(comparison.groups))
    ]
    for mark, group in zip(marks, comparison.groups, strict=True):
        yield from _about(mark, group)
    if comparison.scores and len(comparison.groups) > 1:
        yield ""
        yield from _side_by_side(comparison, marks)
    for place, group in enumerate(comparison.groups):
        if len(group.runs) > 1 and comparison.scores:
            yield ""
            yield from _spreads(comparison, place, marks[place])
    refusals = list(_refusals(comparison, marks))
    if refusals:
        yield ""
        yield from refusals
    if comparison.versions:
        yield ""
        yield from _versions(comparison, marks)


def _about(mark: str, group: Group) -> Iterator[str]:
    for run in group.runs:
        seed = [] if run.seed is None else [f"seed {run.seed}"]
        steps = [f"step {step:,}" for step in run.steps]
        yield f"{mark}  {run.name}  {', '.join(seed + steps)}".rstrip()
        mark = " " * len(mark)


def _side_by_side(comparison: Comparison, marks: Sequence[str]) -> Iterator[str]:
    """A row for each score, a column for each group; as many tables as the width asks for."""
    header = ["score", *marks]
    rows = [
        [name, *(_summary(spread.mean, spread.deviation) for spread in spreads)]
        for name, spreads in comparison.scores.items()
    ]
    yield from _tables(header, rows)


def _spreads(comparison: Comparison, place: int, mark: str) -> Iterator[str]:
    """Mean, deviation, extremes and every value of each score of one group."""
    runs = comparison.groups[place].runs
    yield f"{mark}: {len(runs)} runs, sd with n - 1"
    for seed in comparison.groups[place].repeated:
        yield f"   seed {seed} is there more than once: runs that are no further draws lessen sd"
    seeds = ["run" if run.seed is None else f"seed {run.seed}" for run in runs]
    rows = []
    for name, spreads in comparison.scores.items():
        spread = spreads[place]
        if spread.known:
            ends = (spread.mean, spread.deviation, min(spread.known), max(spread.known))
            rows.append([name, *map(_number, ends), *map(_number, spread.values)])
    yield from _tables(["score", "mean", "sd", "min", "max", *seeds], rows)


def _tables(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out columns, repeating the first one in every table that the width makes necessary."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    start = 1
    while start < len(widths):
        stop, used = start, widths[0]
        while stop < len(widths) and (stop == start or used + 2 + widths[stop] <= width()):
            used += 2 + widths[stop]
            stop += 1
        if start > 1:
            yield ""
        for row in (header, *rows):
            cells = [f"{row[at]:>{widths[at]}}" for at in range(start, stop)]
            yield "  ".join([f"{row[0]:<{widths[0]}}", *cells]).rstrip()
        start = stop


def _refusals(comparison: Comparison, marks: Sequence[str]) -> Iterator[str]:
    """For each score that is not compared: what differs, and where."""
    for name, unlike in comparison.refused.items():
        runs = comparison.having(name)
        reasons = [_differing(comparison, marks, runs, *each) for each in unlike.items()]
        yield from _wrapped(f"not compared: {name}: {'; '.join(reasons)}")


def _versions(comparison: Comparison, marks: Sequence[str]) -> Iterator[str]:
    """That the scores were computed with other versions of libraries, and where."""
    told = [_differing(comparison, marks, comparison.runs, *v) for v in comparison.versions.items()]
    yield from _wrapped(f"warning: versions differ: {'; '.join(told)}")


def _differing(
    comparison: Comparison,
    marks: Sequence[str],
    runs: Sequence[ScoredRun],
    key: str,
    values: Sequence[Any],
) -> str:
    """What ``key`` is in each of the runs, those with equal values together."""
    said = {run.name: _condition(value) for run, value in zip(runs, values, strict=True)}
    places: dict[str, list[str]] = {}
    for mark, group in zip(marks, comparison.groups, strict=True):
        for value, place in _places(mark, group, said):
            places.setdefault(value, []).append(place)
    return f"{key} is " + " and ".join(
        f"{value} in {', '.join(at)}" for value, at in places.items()
    )


def _wrapped(line: str) -> list[str]:
    return wrap(line, width(), subsequent_indent="  ", break_on_hyphens=False)


def _places(mark: str, group: Group, said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each value that runs of a group have, with the group's mark, or the runs' where they vary."""
    values = {run.name: said[run.name] for run in group.runs if run.name in said}
    if len(set(values.values())) == 1:
        yield next(iter(values.values())), mark
        return
    for name, value in values.items():
        yield value, f"{mark} ({Path(name).name})"


def _summary(mean: float | None, deviation: float | None) -> str:
    spread = "" if deviation is None else f" ± {_number(deviation)}"
    return _number(mean) + spread


def _number(value: float | None) -> str:
    if value is None:
        return _ABSENT
    plain = value == 0 or 0.0005 <= abs(value) < 10_000
    return f"{value:.3f}" if plain else f"{value:.3g}"


def _condition(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return f"{text[:12]}…" if _HASH.fullmatch(text) else text
