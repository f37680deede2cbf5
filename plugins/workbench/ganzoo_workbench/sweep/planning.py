"""Every run of a grid planned as ``ganzoo run --dry-run`` would, before anything is written."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ganzoo.claim import is_unused
from ganzoo.data import ImageSource, decode, open_source
from ganzoo.data.columns import Rows
from ganzoo.data.splits import share_a_split
from ganzoo.errors import UserError
from ganzoo.launch import refuse
from ganzoo.layers import Assignment, dotted, leaves, value_at
from ganzoo.plan import Request, make_plan
from ganzoo.resume import refuse_differences
from ganzoo.scoring import quick_metrics
from ganzoo.settings import resolve
from ganzoo.task import make_checked_plan, refuse_missing_split
from ganzoo_workbench.sweep.folder import default_folders, extended
from ganzoo_workbench.sweep.grid import SEED, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ganzoo.data import Source
    from ganzoo.plan import Plan
    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings
    from ganzoo.settings import Settings
    from ganzoo_workbench.sweep.folder import Sweep, SweepFolder
    from ganzoo_workbench.sweep.grid import Base, Cell, Grid

_NO_MATTER = {SEED, "complete", "train.trackers"}
"""What says nothing of which sweep a run belongs to."""


@dataclass(frozen=True)
class PlannedCell:
    """A run of the grid, and what it comes to."""

    cell: Cell
    settings: Settings
    flat: Mapping[str, Any]
    """The settings by dotted key, but for the seed and what makes no other sweep."""


@dataclass(frozen=True)
class PlannedGrid:
    """A grid all of whose runs can be started."""

    cells: tuple[PlannedCell, ...]
    sources: tuple[tuple[Source, DataSettings], ...]
    """All images that some run needs decoded, each once."""
    tests: tuple[tuple[Source, DataSettings], ...]
    """Test splits that the scores at the end of a run may read, each once."""
    streams: bool
    """Whether some run decodes as it trains, and leaves it open by how many processes."""
    notes: tuple[str, ...]
    """What was chosen for the user, a sentence each."""

    @contextmanager
    def decoded(self) -> Iterator[None]:
        """Decode all images, and keep them in the cache, where workers find them, for the block.

        Raises UserError for images that some run cannot be trained without.
        """
        held = [decode(source, settings) for source, settings in self.sources]
        for source, settings in self.tests:
            with suppress(UserError):  # a run does without its scores, which say why
                held.append(decode(source, settings))
        yield
        del held  # until here each was mapped, which keeps the next one from taking its place


def plan_grid(grid: Grid, base: Base, registry: Registry, *, here: bool = True) -> PlannedGrid:
    """Resolve the settings, open the data and assemble the parts of every run.

    Runs that differ in the seed alone are planned once: no plan depends on it. What this machine
    cannot train is refused if they are to be trained ``here``.

    Raises:
        UserError: a run cannot be started, or two of them would be the same.
    """
    refuse(os.environ)
    planned: dict[tuple[Assignment, ...], tuple[Settings, Mapping[str, Any]]] = {}
    first: dict[str, Cell] = {}
    sources: dict[str, tuple[Source, DataSettings]] = {}
    tests: dict[str, tuple[Source, DataSettings]] = {}
    notes: dict[str, None] = {}
    streams = False
    for cell in grid.cells():
        if cell.assignments in planned:
            continue
        plan = _plan(cell, base, registry, here=here)
        by_key = _flat(plan.settings)
        same = first.setdefault(json.dumps(by_key, sort_keys=True, default=str), cell)
        if same is not cell:
            raise UserError(f"{same.pairs} and {cell.pairs} are the same")
        opened = [(plan.source, plan.settings.data)]
        opened += [(each, plan.settings.further[name]) for name, each in plan.further.items()]
        sources |= _to_decode(opened)
        streams |= any(
            about.stream and about.workers is None and not isinstance(each.content, ImageSource)
            for each, about in opened
        )
        tests |= _to_decode(_test_split(plan.settings.data, registry))
        notes.update(dict.fromkeys(plan.notes))
        planned[cell.assignments] = plan.settings, by_key
    cells = []
    for cell in grid.cells():
        settings, its_keys = planned[cell.assignments]
        cells.append(PlannedCell(cell, _seeded(settings, cell.seed), its_keys))
    to_train, to_score = tuple(sources.values()), tuple(tests.values())
    return PlannedGrid(tuple(cells), to_train, to_score, streams, tuple(notes))


def choose_folder(
    planned: PlannedGrid, given: SweepFolder | None, registry: Registry
) -> tuple[SweepFolder, Sweep]:
    """The folder of the sweep and what its record is to say; nothing is written.

    Without a given one: the first of the default names that is free, or holds a sweep that this
    grid goes on with.

    Raises:
        UserError: the given one holds something else, or runs that were begun with other settings.
    """
    cells = [(each.cell, each.flat) for each in planned.cells]
    settings = planned.cells[0].settings
    for folder in (
        default_folders(settings.model.name, settings.preset) if given is None else [given]
    ):
        try:
            sweep = extended(folder.read(), cells, folder.path)
            _check_runs(planned, folder, sweep, registry)
        except UserError:
            if given is None:
                continue
            raise
        return folder, sweep
    raise AssertionError("names never end")


def _flat(settings: Settings) -> dict[str, Any]:
    table = settings.table()
    found = {dotted(path): value_at(table, path) for path in leaves(table)}
    return {key: value for key, value in found.items() if key not in _NO_MATTER}


def _plan(cell: Cell, base: Base, registry: Registry, *, here: bool) -> Plan:
    options = [(STEPS, base.steps, "--steps"), (SEED, str(cell.seed), "--seeds")]
    assignments = [Assignment(key, text, name) for key, text, name in options if text is not None]
    request = Request(
        base.model, base.preset, base.files, (*cell.assignments, *assignments), base.data
    )
    try:
        plan = (make_checked_plan if here else make_plan)(request, registry)
        refuse_missing_split(plan.settings.data, registry)
    except UserError as error:
        if not cell.varied:
            raise
        raise UserError(f"with {cell.pairs}: {error.what}", hint=error.hint) from error
    return plan


def _to_decode(
    opened: Sequence[tuple[Source, DataSettings]],
) -> dict[str, tuple[Source, DataSettings]]:
    """Those that are decoded to one array, each under what it is known by."""
    return {
        repr((source.fingerprint, source.split, settings)): (source, settings)
        for source, settings in opened
        if isinstance(source.content, Rows) and not settings.stream
    }


def _test_split(data: DataSettings, registry: Registry) -> list[tuple[Source, DataSettings]]:
    """The test split, if it is another one that is there, and scores at a run's end may read it."""
    if share_a_split(data.test_split, data.split) or not quick_metrics(registry):
        return []
    try:
        source = open_source(data, registry, data.test_split)
    except UserError:  # scores do without, or say so
        return []
    return [(source, replace(data, limit=None))]  # which is of the training split alone


def _check_runs(
    planned: PlannedGrid, folder: SweepFolder, sweep: Sweep, registry: Registry
) -> None:
    """Raise UserError if a run that is there was begun with other settings."""
    for each in planned.cells:
        run = folder.run(sweep.entry(each.cell.seed, each.flat))
        if run.is_run():
            saved = resolve(registry, None, files=[run.settings])
            refuse_differences(run, saved, each.settings, registry)
        elif run.path.exists() and not (run.path.is_dir() and is_unused(run.path)):
            raise UserError(f"{run.path} holds something else: it is not empty and no run")


def _seeded(settings: Settings, seed: int) -> Settings:
    return replace(settings, train=replace(settings.train, seed=seed))
