"""Tells TensorBoard, trackio and wandb of a run, through accelerate's classes for them.

TensorBoard's files lie in the run, in ``tensorboard/``. What trackio and wandb write holds names of
people and machines, so that it stays where they keep it; the run has a name for it in
``trackers.json``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, redirect_stdout
from secrets import token_hex
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ganzoo.files import write_json
from ganzoo.layers import spell
from ganzoo.plugins import CONTAINED, one_line
from ganzoo.reporting import Observer
from ganzoo.settings import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from PIL.Image import Image

    from ganzoo.metrics.scorecard import Scores
    from ganzoo.reporting import Record
    from ganzoo.run import Run
    from ganzoo.schema import Tracker

PROJECT = "ganzoo"
"""The project that runs are put into, where a tracker has projects."""

_ID = re.compile("[0-9a-f]{8}")


def observers(run: Run) -> list[Observer]:
    """One observer for each of the run's ``train.trackers``."""
    names = dict.fromkeys(run.settings.train.trackers)
    return [TrackerObserver(name, _BOOKS[name](run)) for name in names]


class Book(ABC):
    """Where one tracker keeps a run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @abstractmethod
    def open(self, step: int) -> None:
        """Go on after turn ``step``; what was written of later turns no longer counts."""

    @abstractmethod
    def write(self, values: Mapping[str, float], step: int) -> None:
        """Write figures of a turn."""

    @abstractmethod
    def show(self, name: str, picture: Image, step: int) -> None:
        """Add a picture."""

    @abstractmethod
    def conclude(self, scores: Mapping[str, float], step: int) -> None:
        """Add the scores of the trained model."""

    @abstractmethod
    def flush(self) -> None:
        """See to it that what was written is safe should the process end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""


class TrackerObserver(Observer):
    """Tells one tracker what happens; after its first error it is left out, and that is said."""

    def __init__(self, name: Tracker, book: Book) -> None:
        self.name = name
        self.book = book
        self._failed = False

    def started(self, run: Run) -> None:
        """Open the book."""
        self._attempt(lambda: self.book.open(run.first_step))

    def reported(self, record: Record) -> None:
        """Write the figures that there are."""
        known = {name: value for name, value in record.items() if value is not None}
        step = int(known.pop("step"))
        self._attempt(lambda: self.book.write(known, step))

    def pictured(self, step: int, name: str, picture: Image) -> None:
        """Add the picture."""
        self._attempt(lambda: self.book.show(name, picture, step))

    def rolled_back(self, step: int) -> None:
        """Go on after turn ``step``."""
        self._attempt(self.book.close)
        self._attempt(lambda: self.book.open(step))

    def finished(self, step: int) -> None:
        """Close the book, unless scores are to come."""
        complete = step >= self.book.run.settings.train.steps
        self._attempt(self.book.flush if complete else self.book.close)

    def scored(self, scores: Scores) -> None:
        """Add the scores and close the book."""
        values = {f"scores/{name}": score.value for name, score in scores.scores.items()}
        self._attempt(lambda: self.book.conclude(values, scores.step))
        self._attempt(self.book.close)

    def _attempt(self, action: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            with redirect_stdout(sys.stderr):  # standard output may be JSON
                action()
        except CONTAINED as error:
            self._failed = True
            line = f"  tracker {self.name} is left out from here on: {one_line(error)}"
            tqdm.write(line, file=sys.stderr)


class TensorBoardBook(Book):
    """Event files in ``tensorboard/`` of the run."""

    def open(self, step: int) -> None:
        """Begin an event file that tells TensorBoard to forget what others have after ``step``."""
        from accelerate.tracking import TensorBoardTracker

        folder = self.run.folder.path / "tensorboard"
        self._tracker = TensorBoardTracker(
            folder.name, logging_dir=folder.parent, purge_step=step + 1
        )
        with _nameless_host():
            self._tracker.start()
            if not any(folder.glob("*/hparams.yml")):
                self._tracker.store_init_configuration(_plain_settings(self.run))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Add a scalar for each."""
        self._tracker.log(dict(values), step=step)

    def show(self, name: str, picture: Image, step: int) -> None:
        """Add an image."""
        pixels = np.asarray(picture.convert("RGB"))[None]
        self._tracker.log_images({name: pixels}, step=step, dataformats="NHWC")

    def conclude(self, scores: Mapping[str, float], step: int) -> None:
        """Add a scalar for each."""
        self._tracker.log(dict(scores), step=step)

    def flush(self) -> None:
        """Write what waits in memory."""
        self._tracker.writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._tracker.finish()


class RemoteBook(Book):
    """A book that lies outside of the run and cannot be cut back: it is told each turn once.

    What a run does again after it was resumed or rolled back is not told again.
    """

    def __init__(self, run: Run, name: Tracker) -> None:
        super().__init__(run)
        self._path = run.folder.path / "trackers.json"
        self._name = name
        self.id, self._told = _known(_read(self._path).get(name))

    def first_time(self, what: str, step: int) -> bool:
        """Whether ``what`` was not told of this turn or a later one; from now on it was."""
        if step <= self._told.get(what, 0):
            return False
        self._told[what] = step
        # Another tracker of the run may have written in the meantime.
        mine = {self._name: {"id": self.id, "told": self._told}}
        write_json(self._path, _read(self._path) | mine)
        return True

    @abstractmethod
    def start(self) -> Any:
        """Accelerate's tracker, started."""

    @abstractmethod
    def image(self, picture: Image) -> Any:
        """The picture as the tracker takes it."""

    def open(self, step: int) -> None:
        """Go on where the tracker is."""
        self._tracker = self.start()
        self._tracker.store_init_configuration(_plain_settings(self.run))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Log the figures."""
        if self.first_time("figures", step):
            self._tracker.log(dict(values), step=step)

    def show(self, name: str, picture: Image, step: int) -> None:
        """Log the picture."""
        if self.first_time(name, step):
            self._tracker.log({name: self.image(picture)}, step=step)

    def conclude(self, scores: Mapping[str, float], step: int) -> None:
        """Log the scores."""
        if self.first_time("scores", step):
            self._tracker.log(dict(scores), step=step)

    def flush(self) -> None:
        """Do nothing: the tracker sees to it when the process ends."""

    def close(self) -> None:
        """Finish the tracker's run; a later process may resume it."""
        self._tracker.finish()


class TrackioBook(RemoteBook):
    """A run of trackio's, in its folder or wherever its environment variables send it."""

    def __init__(self, run: Run) -> None:
        super().__init__(run, "trackio")

    def start(self) -> Any:
        """Open the project; no dashboard is started, and trackio's watch on the machine is off."""
        from accelerate.tracking import TrackioTracker

        tracker = TrackioTracker(
            PROJECT,
            name=f"{self.run.folder.path.name}-{self.id}",
            resume="allow",
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )
        tracker.start()
        return tracker

    def image(self, picture: Image) -> Any:
        """A ``trackio.Image``."""
        import trackio

        return trackio.Image(picture)


class WandbBook(RemoteBook):
    """A run of wandb's, in whatever mode and account its environment variables say."""

    def __init__(self, run: Run) -> None:
        super().__init__(run, "wandb")

    def start(self) -> Any:
        """Open the project, ``WANDB_PROJECT`` if set; the terminal's text is not sent."""
        from accelerate.tracking import WandBTracker

        tracker = WandBTracker(
            os.environ.get("WANDB_PROJECT", PROJECT),
            name=self.run.folder.path.name,
            id=self.id,
            resume="allow",
            settings={"console": "off"},
        )
        tracker.start()
        return tracker

    def image(self, picture: Image) -> Any:
        """A ``wandb.Image``."""
        import wandb

        return wandb.Image(picture)

    def conclude(self, scores: Mapping[str, float], step: int) -> None:
        """Make the scores the run's summary."""
        self._tracker.tracker.summary.update(dict(scores))


_BOOKS: dict[Tracker, Callable[[Run], Book]] = {
    "tensorboard": TensorBoardBook,
    "trackio": TrackioBook,
    "wandb": WandbBook,
}


@contextmanager
def _nameless_host() -> Iterator[None]:
    """Let event files be called by the time and not by the machine, whose name they would tell.

    A clock in its place also makes them sort in the order in which they were begun.
    """
    from tensorboard.summary.writer import event_file_writer

    event_file_writer.socket = SimpleNamespace(gethostname=lambda: f"{time.time_ns()}")
    try:
        yield
    finally:
        event_file_writer.socket = socket


def _plain_settings(run: Run) -> dict[str, Any]:
    """Every setting by its dotted key; what is no number and no text is spelt as in TOML."""
    return {
        row.key: row.value if isinstance(row.value, bool | int | float | str) else spell(row.value)
        for row in rows(run.settings)
    }


def _known(kept: Any) -> tuple[str, dict[str, int]]:
    """Name and turns of an entry of ``trackers.json``, which may be anybody's; else fresh ones."""
    match kept:
        case {"id": str(name), "told": dict(told)} if _ID.fullmatch(name):
            if all(isinstance(step, int) for step in told.values()):
                return name, told
    return token_hex(4), {}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
