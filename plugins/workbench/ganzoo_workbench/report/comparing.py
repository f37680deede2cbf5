"""What a report says of several runs: curves in one chart, scores and settings side by side."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from ganzoo_workbench.report.contents import ChartGroup, chart_groups, state_of
from ganzoo_workbench.report.differences import Difference, between, completed
from ganzoo_workbench.report.scored import SideBySide, side_by_side
from ganzoo_workbench.report.untrusted import count, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.registry import Registry
    from ganzoo_workbench.report.anatomy import Anatomy
    from ganzoo_workbench.report.pictures import Frame
    from ganzoo_workbench.report.recorded import RecordedRun

MOST_RUNS = 12
"""Runs whose curves can be told apart in one chart."""

_MOST_SETTINGS = 400


@dataclass(frozen=True)
class Compared:
    """One run among others."""

    mark: str
    name: str
    about: str
    state: str
    latest: Frame | None
    remarks: Sequence[str]


@dataclass(frozen=True)
class ComparedRuns:
    """The report of several runs, section by section."""

    runs: Sequence[Compared]
    scores: SideBySide
    charts: Sequence[ChartGroup]
    differences: Sequence[Difference]

    @property
    def title(self) -> str:
        """A name for the page."""
        return f"{len(self.runs)} runs"


def compared(
    runs: Sequence[RecordedRun],
    registry: Registry,
    anatomies: Sequence[Anatomy],
    latest: Sequence[tuple[Frame | None, Sequence[str]]],
) -> ComparedRuns:
    """Put runs side by side; ``latest`` are their last pictures, and remarks on these."""
    marks = list(ascii_uppercase[: len(runs)])
    told = [
        Compared(
            mark, text(run.name, 100), _about(run), state_of(run), frame, [*run.remarks, *remarks]
        )
        for mark, run, (frame, remarks) in zip(marks, runs, latest, strict=True)
    ]
    differences = between([completed(run, registry) for run in runs])
    return ComparedRuns(
        told,
        side_by_side(runs, marks),
        chart_groups(runs, marks, anatomies),
        differences[:_MOST_SETTINGS],
    )


def _about(run: RecordedRun) -> str:
    seed = count(run.train.get("seed"))
    return ", ".join(filter(None, [run.model, run.preset, "" if seed is None else f"seed {seed}"]))
