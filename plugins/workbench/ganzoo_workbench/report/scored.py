"""The scorecard of one run, and scorecards side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ganzoo.comparison import Comparison, ScoredRun, compare
from ganzoo.metrics import RESERVED, Score
from ganzoo.metrics.scorecard import Row, row_of
from ganzoo_workbench.report.chart import figure
from ganzoo_workbench.report.untrusted import count, number, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganzoo.comparison import Spread
    from ganzoo_workbench.report.recorded import RecordedRun

_MOST = 200
"""Scores that are shown of a run."""


@dataclass(frozen=True)
class ScoreRow:
    """One score, with the conditions that its metric states."""

    row: Row
    value: str
    """The number, with its unit where nothing stands between them."""
    bounds: str
    """What follows it otherwise: error, best possible value, unit."""
    share: float | None
    """Of the best possible value, from 0 to 1, where there is one."""
    conditions: str


@dataclass(frozen=True)
class Scorecard:
    """All scores of a run by what they are about, and what else it takes to trust them."""

    subjects: Mapping[str, Sequence[ScoreRow]]
    about: str
    """What was scored: step, data and weights."""
    absent: Sequence[tuple[str, str]]
    """Metrics that gave nothing, with the reason."""
    versions: str


def scorecard(run: RecordedRun) -> Scorecard | None:
    """The scorecard of a run; None if it has not been scored."""
    scores = table(run.scored.get("scores"))
    if not scores:
        return None
    subjects: dict[str, list[ScoreRow]] = {}
    for name, score in list(scores.items())[:_MOST]:
        each = _score_row(text(name), score)
        subjects.setdefault(each.row.subject, []).append(each)
    absent = [
        (text(metric), text(reason))
        for kind in ("absent", "failed")
        for metric, reason in table(run.scored.get(kind)).items()
    ]
    abouts = dict.fromkeys(_about(score) for score in scores.values())
    return Scorecard(
        subjects, "; ".join(abouts), absent[:_MOST], versions_line(run.scored.get("versions"))
    )


def versions_line(versions: object) -> str:
    """Versions of packages in one line."""
    told = [f"{text(name)} {text(version)}" for name, version in table(versions).items() if version]
    return ", ".join(told[:40])


def _score_row(name: str, score: Mapping[str, Any]) -> ScoreRow:
    split, value = score.get("split"), score["value"]
    ceiling, error = number(score.get("ceiling")), number(score.get("standard_error"))
    bounds = {"ceiling": ceiling, "standard_error": error}
    known = Score(
        value=value,
        split=None if split is None else text(split) or "unknown",
        n=count(score.get("n")) or 0,
        label=text(score.get("label")),
        unit=text(score.get("unit")),
        note=text(score.get("note")),
        extra={key: bound for key, bound in bounds.items() if bound is not None},
    )
    assert not RESERVED & bounds.keys()
    share = value / ceiling if ceiling else value if known.unit == "share" else None
    conditions = [
        f"{key} {text(score[key])}" for key in ("protocol", "extractor") if text(score.get(key))
    ]
    row = row_of(name, known)
    shown, _, rest = row.value.replace("-", "\N{MINUS SIGN}").partition(" ")
    if rest == "%" or rest.isalpha():
        shown, rest = f"{shown}\N{NO-BREAK SPACE}{rest}", ""
    inside = share is not None and 0 <= share <= 1
    return ScoreRow(row, shown, rest, share if inside else None, ", ".join(conditions))


def _about(score: Mapping[str, Any]) -> str:
    weights = "averaged weights" if score.get("ema") is True else "weights as trained"
    step = count(score.get("step"))
    told = [] if step is None else [f"step {step:,}"]
    return ", ".join([*told, text(score.get("data")) or "unknown data", weights])


@dataclass(frozen=True)
class Column:
    """A run in the table of scores side by side, or the spread of a group behind its runs."""

    runs: Sequence[int]
    """The places of the runs; one, or those of the group."""

    @property
    def is_spread(self) -> bool:
        """Whether it tells the mean and the deviation of several runs."""
        return len(self.runs) > 1


@dataclass(frozen=True)
class SideBySide:
    """Scores of several runs, where they were taken under the same conditions."""

    columns: Sequence[Column]
    rows: Sequence[tuple[str, Sequence[str]]]
    """The name of each score, and a cell for each column."""
    refused: Sequence[tuple[str, str]]
    """Scores that are not put side by side, and what differs between the runs."""
    unscored: Sequence[int]
    """Places of the runs without scores."""


def side_by_side(runs: Sequence[RecordedRun], marks: Sequence[str]) -> SideBySide:
    """Compare what was scored, as ``ganzoo compare`` does."""
    scored = [
        _as_scored(run, mark)
        for run, mark in zip(runs, marks, strict=True)
        if run.scored.get("scores")
    ]
    comparison = compare(scored)
    found = {run.name for run in scored}
    return SideBySide(
        _columns(comparison, marks),
        [
            (text(name), _cells(spreads))
            for name, spreads in islice(comparison.scores.items(), _MOST)
        ],
        [(text(name), _unlike(comparison, name)) for name in islice(comparison.refused, _MOST)],
        [place for place, mark in enumerate(marks) if mark not in found],
    )


def _as_scored(run: RecordedRun, mark: str) -> ScoredRun:
    train = {key: value for key, value in run.train.items() if key != "seed"}
    settings = {**run.settings, "train": train} if run.settings else None
    return ScoredRun(mark, run.scored["scores"], settings, count(run.train.get("seed")))


def _columns(comparison: Comparison, marks: Sequence[str]) -> list[Column]:
    columns = []
    for group in comparison.groups:
        places = [marks.index(run.name) for run in group.runs]
        columns += [Column([place]) for place in places]
        columns += [Column(places)] if len(places) > 1 else []
    return columns


def _cells(spreads: Sequence[Spread]) -> list[str]:
    """A score in each of the columns."""
    cells = []
    for spread in spreads:
        cells += [_cell(value) for value in spread.values]
        cells += [_cell(spread.mean, spread.deviation)] if len(spread.values) > 1 else []
    return cells


def _cell(value: float | None, deviation: float | None = None) -> str:
    if value is None:
        return "\N{EN DASH}"
    return figure(value) if deviation is None else f"{figure(value)} ± {figure(deviation)}"


def _unlike(comparison: Comparison, name: str) -> str:
    """What differs in the conditions of a score, and where."""
    having = comparison.having(name)
    told = []
    for key, values in comparison.refused[name].items():
        places: dict[str, list[str]] = {}
        for run, value in zip(having, values, strict=True):
            places.setdefault(text(str(value), 80), []).append(run.name)
        told.append(f"{key} is " + ", ".join(f"{v} in {' '.join(at)}" for v, at in places.items()))
    return "; ".join(told)
