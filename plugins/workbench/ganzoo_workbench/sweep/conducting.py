"""A sweep from its plan to its scores."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.claim import claimed, is_held
from ganzoo.discovery import file_digest
from ganzoo.errors import UserError
from ganzoo.run import writing
from ganzoo.scoring import quick_metrics
from ganzoo.signals import stop_signals
from ganzoo.variables import is_launched
from ganzoo_workbench.sweep.another import Another
from ganzoo_workbench.sweep.folder import Entry, Sweep, SweepFolder
from ganzoo_workbench.sweep.grid import STEPS
from ganzoo_workbench.sweep.machine import Machine
from ganzoo_workbench.sweep.planning import PlannedGrid, choose_folder, plan_grid
from ganzoo_workbench.sweep.progress import Progress
from ganzoo_workbench.sweep.running import Ending, work_through
from ganzoo_workbench.sweep.slurm import Cluster
from ganzoo_workbench.sweep.standing import Stage, Standing, standing, turns_reported
from ganzoo_workbench.sweep.workers import Job, LocalWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ganzoo.registry import Registry
    from ganzoo_workbench.sweep.grid import Base, Cell, Grid
    from ganzoo_workbench.sweep.workers import Worker

_PAUSE = 0.2
"""Seconds between two looks at the workers."""
_CLUSTER_PAUSE = 5.0
"""Seconds between two looks at the jobs of a cluster, each of which looks into a folder."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of the grid with its place, and how far it was when the sweep was planned."""

    cell: Cell
    entry: Entry
    steps: int
    standing: Standing


@dataclass(frozen=True)
class PreparedSweep:
    """All that is to be run, checked; nothing is written yet."""

    registry: Registry
    grid: Grid
    base: Base
    planned: PlannedGrid
    folder: SweepFolder
    sweep: Sweep
    runs: tuple[PlannedRun, ...]
    jobs: int
    """Runs at once."""
    machine: Machine
    cluster: Mapping[str, Any] | None
    """Parameters of a cluster's jobs; None to train here."""
    options: Sequence[str]
    """Words of the command that say how it is run."""
    files: tuple[bytes, ...]
    """What the files of settings held: whoever edits them later means another sweep."""

    @property
    def pending(self) -> list[PlannedRun]:
        """The runs that have something left to do."""
        return [run for run in self.runs if run.standing.stage is not Stage.FINISHED]

    def finished(self) -> list[Path]:
        """Folders of all runs of the sweep, this grid's or not, that are trained and scored."""
        return [
            self.folder.run(entry).path
            for entry in self.sweep.entries
            if standing(self.folder.run(entry), entry.settings[STEPS]).stage is Stage.FINISHED
        ]

    def standing(self, run: PlannedRun) -> Standing:
        """How far a run has come by now."""
        return standing(self.folder.run(run.entry), run.steps)

    def run(self, *, quiet: bool = False) -> Ending:
        """Decode the images, then work through all that is pending.

        Raises:
            UserError: another sweep has the folder, or it cannot be written.
        """
        pending = self.pending
        if not pending:
            return Ending()
        with writing(self.folder.path), ExitStack() as stack:
            stack.enter_context(claimed(self.folder.path))
            if choose_folder(self.planned, self.folder, self.registry)[1] != self.sweep:
                raise UserError(f"{self.folder.path} has been extended just now", hint="Try again.")
            stack.enter_context(self.planned.decoded())
            cluster = self._cluster()
            # Before any job begins: a job without a record would be nobody's.
            self.folder.write(self.sweep)
            self.folder.keep(self.files)
            received = stack.enter_context(stop_signals())
            by_name = {run.entry.name: run for run in pending}
            start, slots = self._workers(by_name, cluster)
            progress = Progress(
                {name: run.steps for name, run in by_name.items()},
                {name: min(run.standing.step, run.steps) for name, run in by_name.items()},
                len(self.runs) - len(pending),
                lambda name: turns_reported(self.folder.run(by_name[name].entry)),
                None if quiet else sys.stderr,
            )
            stack.callback(progress.close)
            return work_through(
                [self._job(run) for run in pending],
                start,
                slots=slots,
                is_done=lambda job: self._is_done(by_name[job.name]),
                progress=progress,
                received=received,
                pause=_PAUSE if self.cluster is None else _CLUSTER_PAUSE,
            )

    def _cluster(self) -> Cluster | None:
        """The cluster of the runs, its parameters checked; None if they are trained here."""
        if self.cluster is None:
            return None
        return Cluster(self.folder.jobs, self.cluster, self.jobs)

    def _workers(
        self, pending: Mapping[str, PlannedRun], cluster: Cluster | None
    ) -> tuple[Callable[[Job, int], Worker], int]:
        """What starts a job in a slot, and the number of slots."""
        if cluster is not None:
            watched = cluster.submit([self._job(run) for run in pending.values()])
            return lambda job, _: watched[job.name], len(pending)
        shares = self.machine.shares(self.jobs, streams=self.planned.streams)

        def start(job: Job, slot: int) -> Worker:
            self._refuse_edited_plugins()
            run = pending[job.name]
            folder = self.folder.run(run.entry)
            if is_held(folder.path):
                return Another(job, folder)
            return LocalWorker(self._job(run), shares[slot])

        return start, self.jobs

    def _refuse_edited_plugins(self) -> None:
        """Raise UserError if a plugin of one file is not what the sweep was planned with."""
        for record in self.registry.plugins.records:
            if record.digest and file_digest(Path(record.source)) != record.digest:
                raise UserError(f"{record.source} has been edited since the sweep began")

    def _job(self, run: PlannedRun) -> Job:
        """What is left to do of a run, looked at anew, for another process may have had it."""
        place, log = self.folder.run(run.entry), self.folder.log(run.entry)
        if self.standing(run).stage is Stage.UNSCORED:
            metrics = [offer.qualified for offer in quick_metrics(self.registry)]
            named = [word for metric in metrics for word in ("--metric", metric)]
            plugins = [word for file in self.base.plugins for word in ("--plugin", str(file))]
            return Job(run.entry.name, [*plugins, "eval", str(place.path), *named], log)
        settings = [
            each.key if each.text is None else f"{each.key}={each.text}"
            for each in run.cell.assignments
        ]
        own = ("--seed", str(run.cell.seed), "--out", str(place.path))
        base = replace(self.base, files=self.folder.files(len(self.files)))
        return Job(run.entry.name, base.words("run", settings, *own), log)

    def _is_done(self, run: PlannedRun) -> bool:
        return self.standing(run).stage is Stage.FINISHED


def prepare(
    registry: Registry,
    grid: Grid,
    base: Base,
    *,
    out: Path | None,
    jobs: int | None,
    cluster: Mapping[str, Any] | None,
    options: Sequence[str] = (),
) -> PreparedSweep:
    """Plan every run and look how far each has come; nothing is written. Raises UserError.

    ``options`` are shown again where the command is.
    """
    if is_launched():
        raise UserError(
            "ganzoo sweep starts its own processes", hint="Start it without a launcher."
        )
    _refuse_pipes(base.files)
    files = _contents(base.files)
    planned = plan_grid(grid, base, registry, here=cluster is None)
    if _contents(base.files) != files:
        raise UserError("a file of --config has changed while it was read", hint="Try again.")
    given = None if out is None else SweepFolder(out)
    folder, sweep = choose_folder(planned, given, registry)
    runs = tuple(
        PlannedRun(
            each.cell,
            entry := sweep.entry(each.cell.seed, each.flat),
            each.settings.train.steps,
            standing(folder.run(entry), each.settings.train.steps),
        )
        for each in planned.cells
    )
    machine = Machine.here()
    at_once = jobs or (machine.jobs_for(len(runs)) if cluster is None else len(runs))
    return PreparedSweep(
        registry,
        grid,
        base,
        planned,
        folder,
        sweep,
        runs,
        at_once,
        machine,
        cluster,
        options,
        tuple(files),
    )


def _refuse_pipes(files: Sequence[Path]) -> None:
    """Raise UserError for what can be read once: each run is planned from it, and has a copy."""
    for file in files:
        if file.exists() and not file.is_file():
            raise UserError(f"--config {file} is no regular file", hint="Save it to one.")


def _contents(files: Sequence[Path]) -> list[bytes]:
    """What the files hold; planning says of those that cannot be read why."""
    contents = []
    for file in files:
        with suppress(OSError):
            contents.append(file.read_bytes())
    return contents
