"""The best checkpoint by one figure: kept for good, with its model ready for use."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ganzoo.errors import UserError, did_you_mean
from ganzoo.export import CONFIG, WEIGHTS
from ganzoo.exported import read_config
from ganzoo.files import whole_file, write_json
from ganzoo.reporting import Observer, last_record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from ganzoo.assembly import Assembly
    from ganzoo.folder import RunFolder
    from ganzoo.reporting import Record
    from ganzoo.run import Run

MARK = "best.json"
"""Which checkpoint is the best; it lies beside them."""


@dataclass(frozen=True)
class Score:
    """What ``train.keep_best`` names: a figure of the reports, the larger the better.

    A minus before it makes the smaller better. The score of a checkpoint is the figure's mean over
    the window of the report that falls on the same turn.
    """

    figure: str
    sign: int

    @classmethod
    def parse(cls, text: str) -> Score:
        """``mi_nats/digit``, or ``-loss/generator/adversarial``."""
        return cls(text.removeprefix("-"), -1 if text.startswith("-") else 1)

    def prefers(self, one: float, other: float) -> bool:
        """Whether one value of the figure is better than another."""
        return one * self.sign > other * self.sign

    def check_loss(self, assembly: Assembly) -> None:
        """Raise UserError if it is the figure of a loss, and there is no such term.

        Other figures are known from the first report on: see :meth:`check`.
        """
        losses = _losses(assembly)
        if self.figure.startswith("loss/") and self.figure not in losses:
            raise self._unknown(losses)

    def check(self, figures: Mapping[str, float], assembly: Assembly) -> None:
        """Raise UserError if no report will ever have the figure, as far as one can tell.

        A term whose weight has yet to rise may still bring it.
        """
        if self.figure not in figures and set(_losses(assembly)) <= figures.keys():
            raise self._unknown(figures)

    def _unknown(self, figures: Collection[str]) -> UserError:
        return UserError(
            f"train.keep_best: no report has a figure {self.figure!r}"
            f"{did_you_mean(self.figure, figures)}",
            hint=f"There are: {', '.join(figures)}.",
        )


def _losses(assembly: Assembly) -> list[str]:
    """The figures of the losses in a report."""
    return [
        f"loss/{phase}/{term.loss}" for phase, terms in assembly.terms.items() for term in terms
    ]


@dataclass(frozen=True)
class Best:
    """The best checkpoint so far: what ``checkpoints/best.json`` says."""

    step: int
    figure: str
    value: float


def best_of(checkpoints: Path) -> Best | None:
    """The best checkpoint of a folder of them; None if none is marked."""
    try:
        content = json.loads((checkpoints / MARK).read_text(encoding="utf-8"))
        return Best(int(content["step"]), str(content["figure"]), float(content["value"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


class BestCheckpoint(Observer):
    """Marks the best checkpoint so far, which is then not removed, and keeps its model."""

    def __init__(self, folder: RunFolder, score: Score) -> None:
        self.folder = folder
        self.score = score
        self._last: Record = {}
        self._best: Best | None = None

    def started(self, run: Run) -> None:
        """Take up the mark of a run that continues.

        One of a turn that is yet to come again, or by another figure, counts no more.
        """
        best = best_of(self.folder.checkpoints)
        same = best is not None and best.figure == self.score.figure
        if best is not None and same and best.step <= run.first_step:
            self._best = best
        # The last start may have ended between that checkpoint and its mark.
        self._last = last_record(self.folder.metrics)
        with suppress(UserError):  # of a model that is not there any more
            if run.first_step and read_config(self.folder.model / CONFIG).step == run.first_step:
                self.saved(run.first_step, self.folder.checkpoints / f"step-{run.first_step:06d}")

    def reported(self, record: Record) -> None:
        """Remember the figures for a checkpoint of the same turn."""
        self._last = record

    def rolled_back(self, step: int) -> None:
        """Forget the figures of turns that no longer count."""
        self._last = {}

    def saved(self, step: int, checkpoint: Path) -> None:
        """Mark this checkpoint if none was better."""
        value = self._last.get(self.score.figure)
        if value is None or self._last.get("step") != step:
            return
        if self._best is not None and not self.score.prefers(value, self._best.value):
            return
        self._best = Best(step, self.score.figure, value)
        # Both are whole before either takes its name: neither is of use beside an older one.
        with ExitStack() as stack:
            for file in (CONFIG, WEIGHTS):
                source = stack.enter_context((self.folder.model / file).open("rb"))
                copy = stack.enter_context(whole_file(self.folder.best_model / file))
                shutil.copyfileobj(source, copy)
        write_json(checkpoint.parent / MARK, {"schema": 1, **asdict(self._best)})
