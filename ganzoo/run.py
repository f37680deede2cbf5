"""One run: from a plan to a folder with a trained, scored model."""

from __future__ import annotations

import math
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import broadcast_object_list

from ganzoo import checkpoint
from ganzoo.data import Data, decode
from ganzoo.errors import UserError
from ganzoo.export import export
from ganzoo.files import write_json
from ganzoo.folder import RunFolder, environment
from ganzoo.pictures import grid, save_png, traversal_sheet
from ganzoo.previews import animate, latents_for, traversals
from ganzoo.reporting import MetricsFile, Observer, Record
from ganzoo.settings import to_toml
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from torch import Tensor

    from ganzoo.assembly import Assembly
    from ganzoo.latents import Latents
    from ganzoo.launch import Launch
    from ganzoo.plan import Plan
    from ganzoo.settings import Settings

FIRST_PICTURE = 100
"""The first picture comes after this many turns, or earlier if ``train.images_every`` is less."""

_SAMPLES = 100
_ROWS = 5
_AGREE_EVERY = 20


@dataclass
class Run:
    """A run as observers see it."""

    folder: RunFolder
    settings: Settings
    assembly: Assembly
    launch: Launch
    first_step: int = 0
    """The turn that this run begins at; more than 0 if it continues."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    stopped_by: signal.Signals | None
    images_per_second: float | None
    """Median over the windows of the reports, the first left out."""
    seconds: float
    """Of this run or its continuation, from the first turn on."""


def train(
    plan: Plan,
    folder: RunFolder,
    launch: Launch,
    observers: Sequence[Observer] = (),
    *,
    images: Data,
    invite: Callable[[Run], Sequence[Observer]] = lambda _: (),
) -> Outcome:
    """Begin or continue the run in ``folder``; every rank calls it, only rank 0 has observers.

    ``invite`` gives further observers that are built for the run. Raises UserError where the folder
    cannot be written or a loss is no number any more.
    """
    main = launch.accelerator.is_main_process
    trainer = Trainer(plan.assembly, images, plan.settings.train, launch.accelerator)
    run = Run(folder, plan.settings, plan.assembly, launch, notes=list(plan.notes))
    found, damaged = checkpoint.newest(folder.checkpoints)
    run.notes += [f"passed over a damaged checkpoint, {line}" for line in damaged]
    if found is not None:
        checkpoint.restore(trainer, found)
        run.first_step = trainer.step
    metrics = MetricsFile(folder.metrics)
    if main:
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.settings.write_text(to_toml(plan.settings))
            write_json(folder.environment, environment(launch))
            metrics.cut_back(trainer.step)
    watchers = [metrics, *observers, *invite(run)] if main else []
    with writing(folder.path):
        return _Loop(run, trainer, watchers).run()


class _Loop:
    """Turns, and what happens between them."""

    def __init__(self, run: Run, trainer: Trainer, observers: Sequence[Observer]) -> None:
        self.run_ = run
        self.trainer = trainer
        self.observers = observers
        self.settings = run.settings.train
        self.accelerator = trainer.accelerator
        self._clock = _Clock(self.accelerator.device)
        self._begun = time.monotonic()
        self._rates: list[float] = []
        self._windows = 0
        self._stuck = 0
        self._window_from = trainer.step

    def run(self) -> Outcome:
        for observer in self.observers:
            observer.started(self.run_)
        with stop_signals() as received:
            stopped = self._turns(received)
        if stopped is None and self.accelerator.is_main_process:
            pictures = sorted(self.run_.folder.picture("samples", 0).parent.glob("step-*.png"))
            animate(pictures, self.run_.folder.path / "progress.gif")
        step = self.trainer.step
        for observer in self.observers:
            observer.finished(step)
        rates = sorted(self._rates)
        rate = rates[len(rates) // 2] if rates else None
        return Outcome(step, stopped, rate, time.monotonic() - self._begun)

    def _turns(self, received: list[signal.Signals]) -> signal.Signals | None:
        trainer, settings = self.trainer, self.settings
        self._clock.go_on()
        while trainer.step < settings.steps:
            trainer.turn()
            step, last = trainer.step, trainer.step == settings.steps
            for observer in self.observers:
                observer.turned(step)
            stopped = self._agree(received)
            if step % settings.report_every == 0 or last:
                self._report()
            if (
                step % settings.images_every == 0
                or last
                or step == min(FIRST_PICTURE, settings.images_every)
            ):
                self._picture()
            if step % settings.checkpoint_every == 0 or last or stopped:
                self._save()
            if stopped:
                return stopped
        return None

    def _agree(self, received: list[signal.Signals]) -> signal.Signals | None:
        """The signal that ends the run, once every rank knows it: else one would wait for ever."""
        if self.accelerator.num_processes == 1:
            return received[0] if received else None
        if self.accelerator.device.type != "cpu" and self.trainer.step % _AGREE_EVERY:
            return None  # asking waits for the device
        number = torch.tensor(float(received[0] if received else 0), device=self.accelerator.device)
        agreed = int(self.accelerator.gather(number).max().item())
        return signal.Signals(agreed) if agreed else None

    def _report(self) -> None:
        seconds, turns = self._clock.lap(), self.trainer.step - self._window_from
        self._window_from = self.trainer.step
        figures = self.trainer.collect()
        self._windows += 1
        rate = turns * self.settings.batch_size / seconds if self._windows > 1 and seconds else None
        if rate is not None:
            self._rates.append(rate)
        record: Record = {
            "step": self.trainer.step,
            "seconds": round(time.monotonic() - self._begun, 3),
            "images_per_second": rate and round(rate, 1),
            **figures,
        }
        broken = [name for name, figure in figures.items() if not math.isfinite(figure)]
        if broken:
            raise UserError(
                f"{broken[0]} is no number any more at turn {self.trainer.step}: "
                "the training has diverged",
                hint="The checkpoints before it are kept; try smaller rates or weights, or fp32.",
            )
        for observer in self.observers:
            observer.reported(record)
        self._check_progress(figures)
        self._clock.go_on()

    def _check_progress(self, figures: Mapping[str, float]) -> None:
        """End a run that the model finds stuck; the figures are the same on every rank."""
        limit = self.settings.stuck_after
        reason = self.run_.assembly.model.stuck(figures) if limit else None
        self._stuck = self._stuck + 1 if reason else 0
        if reason and self._stuck >= limit:
            raise UserError(
                f"the training is stuck: {reason}, in {limit} reports in a row up to turn "
                f"{self.trainer.step}",
                hint="Checkpoints are kept. Try another seed, or smaller rates; "
                "--set train.stuck_after=0 goes on regardless.",
            )

    def _picture(self) -> None:
        self._clock.pause()
        if self.accelerator.is_main_process:
            for name, picture in make_pictures(self.trainer).items():
                for path in (
                    self.run_.folder.picture(name, self.trainer.step),
                    self.run_.folder.picture(name),
                ):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    save_png(picture, path)
                for observer in self.observers:
                    observer.pictured(self.trainer.step, name, picture)
        self._clock.go_on()

    def _save(self) -> None:
        self._clock.pause()
        folder = self.run_.folder
        # The checkpoint comes last, since it is what makes a run count as having come this far.
        export(self.trainer, self.run_.settings, folder.model)
        path = checkpoint.save(self.trainer, folder.checkpoints, self.settings.keep_checkpoints)
        for observer in self.observers:
            observer.saved(self.trainer.step, path)
        self._clock.go_on()


def make_pictures(trainer: Trainer) -> dict[str, Any]:
    """``samples``, and ``traversal`` if there are codes; from averages if kept, in eval mode."""
    assembly, device = trainer.assembly, trainer.accelerator.device
    nets = trainer.networks() | trainer.averages
    model, prior, seed = assembly.model, assembly.prior, trainer.train.seed
    modes = {name: net.training for name, net in nets.items()}
    for net in nets.values():
        net.eval()
    try:
        with torch.no_grad():

            def generate(latents: Latents) -> Tensor:
                return model.generate(nets, latents)["image"]

            latents = None if prior is None else latents_for(prior, _SAMPLES, seed, device)
            shown = model.preview(nets, latents, trainer.first_batch())
            pictures = {"samples": grid(shown, span=model.image_range)}
            if prior is not None and prior.codes:
                sheet = traversals(prior, generate, rows=_ROWS, seed=seed, device=device)
                pictures["traversal"] = traversal_sheet(sheet, span=model.image_range)
            return pictures
    finally:
        for name, net in nets.items():
            net.train(modes[name])


class _Clock:
    """Seconds spent in turns alone."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds = 0.0
        self._since: float | None = None

    def go_on(self) -> None:
        self._since = time.perf_counter()

    def pause(self) -> None:
        if self._since is None:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self._seconds += time.perf_counter() - self._since
        self._since = None

    def lap(self) -> float:
        """Pause, and give the seconds since the last lap."""
        self.pause()
        seconds, self._seconds = self._seconds, 0.0
        return seconds


@contextmanager
def stop_signals() -> Iterator[list[signal.Signals]]:
    """Collect SIGINT and SIGTERM instead of dying by them; a second ends the program as usual."""
    received: list[signal.Signals] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if received:
            raise KeyboardInterrupt
        received.append(signal.Signals(number))

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell a full or read-only disk in one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {error.filename or path}: {error.strerror or error}",
            hint="Make room or choose another place with --out; the last checkpoint is whole.",
        ) from error


def agree_on_folder(launch: Launch, choose: Callable[[], Path]) -> RunFolder:
    """Let rank 0 choose the folder, and tell the others."""
    chosen: list[Any] = [str(choose()) if launch.accelerator.is_main_process else None]
    return RunFolder(Path(broadcast_object_list(chosen)[0]))


def decode_once(plan: Plan, launch: Launch) -> Data:
    """The training images; rank 0 decodes them, the others read what it cached."""
    with launch.accelerator.main_process_first():
        return decode(plan.source, plan.settings.data)
