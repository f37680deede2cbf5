"""Keeps the report of a running training up to date, in a hundredth of its time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from ganzoo.errors import in_one_line
from ganzoo.reporting import Observer
from ganzoo_workbench.report.anatomy import anatomy_of
from ganzoo_workbench.report.making import REPORT, make
from ganzoo_workbench.report.pictures import Album

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganzoo.events import Event
    from ganzoo.metrics.scorecard import Scores
    from ganzoo.reporting import Record
    from ganzoo.run import Run

SHARE = 0.01
"""The most that writing reports may take of the time of a training, its end not counted."""


class ReportWriter(Observer):
    """Writes ``report.html`` when there is something new, and there is time for it.

    A report that cannot be written is told once, and never ends a training.
    """

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._folder = run.folder.path
        self._anatomy = anatomy_of(run.assembly)
        self._album = Album(self._folder)
        self._clock = clock
        self._begun = clock()
        self._spent = self._last = 0.0
        self._registry = run.registry
        self._told = False

    def reported(self, record: Record) -> None:
        """Write if it is time."""
        self._write_if_cheap()

    def happened(self, event: Event) -> None:
        """Write if there are new pictures and it is time."""
        if event.kind == "pictured":
            self._write_if_cheap()

    def finished(self, step: int) -> None:
        """Write in any case."""
        self._write()

    def scored(self, scores: Scores) -> None:
        """Write once more, with the scorecard."""
        self._write()

    def _write_if_cheap(self) -> None:
        """Write unless this and all writing before would take more than their share of the time."""
        if self._spent + self._last <= SHARE * (self._clock() - self._begun):
            self._write()

    def _write(self) -> None:
        begun = self._clock()
        try:
            make(
                self._folder,
                self._registry,
                self._folder / REPORT,
                anatomy=self._anatomy,
                album=self._album,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the training goes on
            self._tell(error)
        self._last = self._clock() - begun
        self._spent += self._last

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            reason = in_one_line(f"{type(error).__name__}: {error}", 200)
            tqdm.write(f"  note      {REPORT} cannot be written: {reason}", file=sys.stderr)
