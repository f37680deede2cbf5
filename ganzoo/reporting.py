"""What is told during a run: observers, the metrics file, and the terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from tqdm import tqdm

from ganzoo.files import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from ganzoo.events import Event
    from ganzoo.metrics.scorecard import Scores
    from ganzoo.run import Run

Record = Mapping[str, float | None]

_LONGEST = 1e10
"""Seconds that a training can have taken, some three hundred years."""


class Observer:
    """Is told on rank 0 what happens in a run, between the timed turns; override what you need."""

    def started(self, run: Run) -> None:
        """Before the first turn."""

    def turned(self, step: int) -> None:
        """After every turn; must not wait for the device."""

    def reported(self, record: Record) -> None:
        """Every ``train.report_every`` turns.

        The record has ``step``, ``seconds``, ``images_per_second``, losses and figures.
        """

    def pictured(self, step: int, name: str, picture: Image) -> None:
        """A picture (``samples`` or ``traversal``) was made."""

    def saved(self, step: int, checkpoint: Path) -> None:
        """A checkpoint was written."""

    def happened(self, event: Event) -> None:
        """Something besides: a warning, a rollback, a signal."""

    def rolled_back(self, step: int) -> None:
        """The run went back to turn ``step``: what came after it will come again, and differ."""

    def finished(self, step: int) -> None:
        """After the last turn, or where the run ended early: by a signal or an error."""

    def scored(self, scores: Scores) -> None:
        """After a run that came to its last turn was scored; always after ``finished``."""


class EventsFile(Observer):
    """``events.jsonl``: one object an event, in the order in which they happened; never cut."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mend(self) -> None:
        """Drop a last line that a crash or a full disk cut off; the next would be glued to it."""
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with whole_file(self.path) as file:
                file.write(whole)

    def happened(self, event: Event) -> None:
        """Append the event."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event.line(), ensure_ascii=False) + "\n")


def last_record(metrics: Path) -> Record:
    """The last report in ``metrics.jsonl``; empty if there is none."""
    try:
        lines = metrics.read_text(encoding="utf-8").splitlines()
        return dict(json.loads(lines[-1])) if lines else {}
    except (OSError, TypeError, ValueError):
        return {}


class MetricsFile(Observer):
    """``metrics.jsonl``: one object a report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cut_back(self, step: int) -> float:
        """Drop what was reported after ``step``, as a resumed run reports it again.

        Gives the ``seconds`` of the last report that stays, 0 without any.
        """
        if not self.path.exists():
            return 0.0
        kept, seconds = [], 0.0
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                comes_again = record["step"] > step
            except (ValueError, LookupError, TypeError):
                continue  # a line that a crash cut off
            if not comes_again:
                kept.append(line + "\n")
                told = record.get("seconds")
                seconds = float(told) if _is_time(told) else seconds
        with whole_file(self.path) as file:
            file.write("".join(kept).encode())
        return seconds

    def reported(self, record: Record) -> None:
        """Append the record. It is on the disk before any checkpoint that counts it as reported."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rolled_back(self, step: int) -> None:
        """Drop what was reported after ``step``."""
        self.cut_back(step)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < _LONGEST


class Warnings(Observer):
    """Tells what was chosen, goes wrong or changes the course of a run, and nothing else."""

    def __init__(self, stream: TextIO | None = None, notes: TextIO | None = None) -> None:
        """``stream`` is standard error if left out; ``notes`` on the run go there, too, if so."""
        self.stream = stream or sys.stderr
        self.notes = notes or self.stream

    def started(self, run: Run) -> None:
        """Say what the user should know before the run begins."""
        for note in run.notes:
            print(f"  note      {note}", file=self.notes)
        for remark in run.remarks:
            print(f"  note      {remark}", file=self.stream)

    def happened(self, event: Event) -> None:
        """Tell warnings and what changes the course of the run; its end is told by the command."""
        if event.kind in ("warning", "over", "rolled back", "stopping"):
            tqdm.write(f"  turn {event.step}  {event.kind}: {event.message}", file=self.stream)


class Console(Warnings):
    """A progress bar with losses on a terminal; elsewhere a plain line every so often."""

    plain_every = 15.0
    """Seconds between two plain lines."""

    def __init__(self, stream: TextIO | None = None, notes: TextIO | None = None) -> None:
        """As for :class:`Warnings`."""
        super().__init__(stream, notes)
        self.bar: Any = None
        self.figures: Any = None
        self.steps = 0
        self._first_step = 0
        self._started = self._last_line = 0.0

    def started(self, run: Run) -> None:
        """Say what the user should know, and open the bar."""
        super().started(run)
        self.steps, self._first_step = run.settings.train.steps, run.first_step
        if run.first_step:
            print(f"  continues from turn {run.first_step:,}", file=self.notes)
        self._started = self._last_line = time.monotonic()
        if self.stream.isatty():
            form = (
                "{percentage:3.0f}% |{bar:24}| turn {n}/{total}  "
                "{elapsed} gone, {remaining} left{postfix}"
            )
            self.bar = tqdm(
                total=self.steps,
                initial=self._first_step,
                file=self.stream,
                bar_format=form,
                dynamic_ncols=True,
            )
            self.figures = tqdm(
                total=0,
                file=self.stream,
                bar_format="{desc}",
                position=1,
                leave=False,
                dynamic_ncols=True,
            )

    def turned(self, step: int) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update(1)

    def reported(self, record: Record) -> None:
        """Show rate and losses."""
        rate = record["images_per_second"]
        speed = f"{rate:.0f} images/s" if rate else ""
        if self.bar is not None:
            self.bar.set_postfix_str(speed, refresh=False)
            self.figures.set_description_str(figures_line(record))
            return
        now = time.monotonic()
        step = int(record["step"] or 0)
        if now - self._last_line < self.plain_every and step < self.steps:
            return
        self._last_line = now
        left = (now - self._started) / max(step - self._first_step, 1) * (self.steps - step)
        parts = [f"turn {step}/{self.steps}", speed, f"{clock(left)} left", figures_line(record)]
        print("  ".join(part for part in parts if part), file=self.stream, flush=True)

    def rolled_back(self, step: int) -> None:
        """Move the bar back."""
        if self.bar is not None:
            self.bar.n = step
            self.bar.refresh()

    def finished(self, step: int) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.figures.close()
            self.bar.close()


def figures_line(record: Record) -> str:
    """Losses by phase, then each code's L_I: ``critic: adversarial 0.610  L_I: digit 2.210``."""
    groups: dict[str, list[str]] = {}
    for key, value in record.items():
        kind, _, rest = key.partition("/")
        if value is None or not rest:
            continue
        group, _, name = rest.partition("/") if kind == "loss" else (kind, "", rest)
        groups.setdefault("L_I" if group == "mi_nats" else group, []).append(f"{name} {value:.3f}")
    # A narrow terminal cuts the end off, so what tells most comes first.
    ordered = sorted(groups.items(), key=lambda item: item[0] != "L_I")
    return "  ".join(f"{group}: {', '.join(figures)}" for group, figures in ordered)


def clock(seconds: float) -> str:
    """``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
