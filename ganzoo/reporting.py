"""What is told during a run: observers, the metrics file, and the terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from tqdm import tqdm

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from ganzoo.run import Run

Record = Mapping[str, float | None]


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

    def finished(self, step: int) -> None:
        """After the last turn, or after a signal ended the run early."""


class MetricsFile(Observer):
    """``metrics.jsonl``: one object a report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cut_back(self, step: int) -> None:
        """Drop what was reported after ``step``: a resumed run reports it again."""
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text().splitlines():
            try:
                reported = json.loads(line)["step"]
            except (ValueError, KeyError):
                continue  # a line that a crash cut off
            if reported <= step:
                kept.append(line + "\n")
        self.path.write_text("".join(kept))

    def reported(self, record: Record) -> None:
        """Append the record."""
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")


class Console(Observer):
    """A progress bar with losses on a terminal; elsewhere a plain line every so often."""

    plain_every = 15.0
    """Seconds between two plain lines."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream
        self.bar: Any = None
        self.figures: Any = None
        self.steps = 0
        self._first_step = 0
        self._started = self._last_line = 0.0

    def started(self, run: Run) -> None:
        """Open the bar."""
        self.steps, self._first_step = run.settings.train.steps, run.first_step
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

    def pictured(self, step: int, name: str, picture: Image) -> None:
        """Nothing: the folder was named at the start."""

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
