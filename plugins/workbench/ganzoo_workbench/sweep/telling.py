"""What a sweep says before it begins and once it has ended."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ganzoo.cli.comparing import page
from ganzoo.cli.terminal import width
from ganzoo.comparison import compare, read_runs, to_json
from ganzoo.counting import counted
from ganzoo.folder import RunFolder
from ganzoo_workbench.sweep.slurm import threads_of
from ganzoo_workbench.sweep.standing import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo_workbench.sweep.conducting import PlannedRun, PreparedSweep
    from ganzoo_workbench.sweep.running import Ending
    from ganzoo_workbench.sweep.standing import Standing

_LABEL = 12
"""Columns that the left side of the heading takes."""


def heading(sweep: PreparedSweep) -> Iterator[str]:
    """What will be run, where, and how much of it at once."""
    settings, streams = sweep.planned.cells[0].settings, sweep.planned.streams
    grid = sweep.grid
    size = counted(len(sweep.runs), "run")
    if grid.varied:
        size += f" ({counted(len(grid.seeds), 'seed')} x {grid.settings} settings)"
    yield f"{settings.model.name}, preset {settings.preset}: {size}"
    for axis in grid.varied:
        yield from _row("varied", f"{axis.key}: {', '.join(map(str, axis.values))}")
    yield from _row("folder", str(sweep.folder.path))
    stages = Counter(run.standing.stage for run in sweep.runs)
    told = ", ".join(f"{stages[stage]} {stage.value}" for stage in Stage if stages[stage])
    yield from _row("runs", told)
    if sweep.cluster is None:
        yield from _row("workers", sweep.machine.describe(sweep.jobs, streams=streams))
    else:
        yield from _row("workers", f"SLURM jobs, {sweep.jobs} at once at most")
    for note in sweep.planned.notes:
        yield from _row("note", note)


def plan_json(sweep: PreparedSweep) -> str:
    """What would be run, as JSON."""
    if sweep.cluster is None:
        threads = sweep.machine.shares(sweep.jobs, streams=sweep.planned.streams)[0].threads
    else:
        threads = threads_of(sweep.cluster)
    document = {
        "folder": str(sweep.folder.path),
        "jobs": sweep.jobs,
        "threads": threads,
        "settings": sweep.sweep.shared,
        "runs": [_run_json(run, run.standing) for run in sweep.runs],
    }
    return json.dumps(document, indent=2)


def result_json(sweep: PreparedSweep, ending: Ending) -> str:
    """What came of the runs, and the scores of all finished ones, as JSON."""
    finished = sweep.finished()
    failures = {each.name: each for each in ending.failures}
    runs = [_run_json(run, sweep.standing(run)) for run in sweep.runs]
    for run in runs:
        if run["name"] in failures:
            failure = failures[run["name"]]
            run |= {"stage": "failed", "error": failure.why, "log": str(failure.log)}
    document = {
        "folder": str(sweep.folder.path),
        "runs": runs,
        "comparison": to_json(compare(read_runs(finished))),
    }
    return json.dumps(document, indent=2)


def conclusion(sweep: PreparedSweep, ending: Ending) -> Iterator[str]:
    """The scores of all finished runs side by side, then what failed and how to go on."""
    finished = sweep.finished()
    comparison = compare(read_runs(finished))
    if len(finished) > 1:
        yield ""
        yield from page(comparison)
        if not comparison.anything:
            one = RunFolder(finished[0])
            yield f"There is no score to compare. For more: ganzoo eval {one.typed}"
    total = len(sweep.sweep.entries)
    yield ""
    yield f"{len(finished)} of {counted(total, 'run')} in {sweep.folder.path} are finished."
    for failure in ending.failures:
        yield f"failed: {failure.name}"
        yield from wrap(failure.why, width(), initial_indent="  ", subsequent_indent="  ")
        yield f"  {failure.log}"
    done = {path.name for path in finished}
    own = {run.entry.name for run in sweep.runs}
    if own - done:
        yield "Go on with what is not, by the same command again:"
        yield f"  {_command(sweep)}"
    others = [entry.name for entry in sweep.sweep.entries if entry.name not in own | done]
    if others:
        count = counted(len(others), "run")
        yield f"Not named this time, and not finished: {count}, {others[0]} first."


def _command(sweep: PreparedSweep) -> str:
    settings = [
        axis.key
        if axis.values == (None,)
        else f"{axis.key}={','.join(str(value) for value in axis.values)}"
        for axis in sweep.grid.axes
    ]
    seeds = _spans(sweep.grid.seeds)
    own = ("--seeds", seeds, "--out", str(sweep.folder.path), *sweep.options)
    words = sweep.base.words("sweep", settings, *own)
    return f"ganzoo {shlex.join(words)}"


def _spans(seeds: tuple[int, ...]) -> str:
    """``0-4,7``."""
    spans: list[list[int]] = []
    for seed in seeds:
        if spans and spans[-1][-1] == seed - 1:
            spans[-1][1:] = [seed]
        else:
            spans.append([seed])
    return ",".join("-".join(map(str, span)) for span in spans)


def _run_json(run: PlannedRun, standing: Standing) -> dict[str, Any]:
    return {
        "name": run.entry.name,
        "seed": run.entry.seed,
        "settings": dict(run.entry.values),
        "stage": standing.stage.value,
        "step": standing.step,
        "steps": run.steps,
    }


def _row(label: str, text: str) -> Iterator[str]:
    first, *more = wrap(text, max(width() - _LABEL, 24), break_long_words=False) or [""]
    yield f"  {label:<{_LABEL - 2}}{first}"
    yield from (" " * _LABEL + line for line in more)
