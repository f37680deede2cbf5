"""The loop around the turn: reports, pictures, checkpoints, and what may end it early."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from ganzoo import checkpoint
from ganzoo.audience import Audience
from ganzoo.best import Score
from ganzoo.collapse import Collapse
from ganzoo.distributed import together
from ganzoo.divergence import broken, describe, roll_back
from ganzoo.errors import UserError
from ganzoo.events import Event
from ganzoo.export import export
from ganzoo.pictures import save_png
from ganzoo.previews import animate, at_rest, make_pictures
from ganzoo.resume import continuing
from ganzoo.signals import Agreement
from ganzoo.stopwatch import Stopwatch
from ganzoo.watchdog import PICTURES, REPORTS, Episodes

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

    from PIL.Image import Image

    from ganzoo.checkpoint import Checkpoint
    from ganzoo.reporting import Observer, Record
    from ganzoo.run import Run
    from ganzoo.schema import TrainSettings
    from ganzoo.signals import Received
    from ganzoo.training import Trainer

_FIRST_PICTURE = 100


def first_picture(settings: TrainSettings) -> int:
    """The turn after which the first picture comes, which nobody should have to wait for."""
    return min(_FIRST_PICTURE, settings.images_every, settings.steps)


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    stopped_by: signal.Signals | None
    images_per_second: float | None
    """Median over the windows of the reports, the first left out."""
    seconds: float
    """From the first turn on; of a continued run with those that its reports tell of before."""
    audience: Audience = field(default_factory=Audience)
    """Who was told of it, to be told the scores as well."""


class Loop:
    """Turns, and what happens between them: on every rank alike, but only rank 0 has observers."""

    def __init__(self, run: Run, trainer: Trainer, audience: Audience) -> None:
        self.run_ = run
        self.trainer = trainer
        self.audience = audience
        self.settings = run.settings.train
        self.accelerator = trainer.accelerator
        self._best = Score.parse(self.settings.keep_best) if self.settings.keep_best else None
        self._agreement = Agreement(self.accelerator.num_processes)
        self._stopwatch = Stopwatch(self.accelerator.device)
        self._collapse = Collapse(trainer)
        self._in_reports, self._in_pictures = Episodes(REPORTS), Episodes(PICTURES)
        self._begun = time.monotonic() - run.seconds
        self._rates: list[float] = []
        self._windows = 0
        self._stuck = 0
        ramps = [term.ramp for terms in run.assembly.terms.values() for term in terms if term.ramp]
        self._all_begun = max((start for start, _ in ramps), default=0)
        """The turn after which every loss counts: a warm start is not judged."""
        self._window_from = trainer.step

    def run(self, received: Received) -> Outcome:
        """Train to the end, or until a signal has been ``received``.

        Raises UserError if the training has diverged, or is stuck and ``train.stuck_after`` asks.
        """
        continued, step = self.run_.first_step > 0, self.trainer.step
        self._tell(lambda observer: observer.started(self.run_))
        self._happened(Event(step, "continued" if continued else "begun"))
        try:
            stopped = self._turns(received)
        except BaseException:
            self._finish()  # alone, since other ranks may wait elsewhere
            raise
        with together():
            self._finish()
        stopped = stopped or self._agreement.on(received)  # observers may take seconds as well
        rate = median(self._rates) if self._rates else None
        seconds = time.monotonic() - self._begun
        return Outcome(self.trainer.step, stopped, rate, seconds, self.audience)

    def _turns(self, received: Received) -> signal.Signals | None:
        trainer, settings = self.trainer, self.settings
        if settings.on_divergence == "rollback" and trainer.step == 0:
            self._save()  # else there would be nothing to go back to
        self._stopwatch.go_on()
        while trainer.step < settings.steps:
            trainer.turn()
            stopped = self._agreement.on(received, self._tell_of_turn())
            if stopped:
                message = f"{stopped.name}: saving; a second signal ends this at once"
                details = {"signal": stopped.name}
                self._happened(Event(trainer.step, "stopping", message, details))
            self._attend(stopping=stopped is not None)
            if stopped:
                return stopped
        # The last pictures and the last checkpoint take seconds, in which a signal may come, too.
        stopped = self._agreement.on(received)
        if stopped:
            message = f"{stopped.name}: all is trained and saved, and not scored"
            self._happened(Event(trainer.step, "stopping", message, {"signal": stopped.name}))
        return stopped

    def _attend(self, *, stopping: bool) -> None:
        """Do what is due after this turn; a training that has diverged goes back instead."""
        settings, step = self.settings, self.trainer.step
        last = step == settings.steps
        reports = step % settings.report_every == 0 or last
        saves = step % settings.checkpoint_every == 0 or last or stopping
        if (reports or saves) and self._diverged():
            return
        if reports:
            self._report()
        if step % settings.images_every == 0 or last or step == first_picture(settings):
            self._picture()
        if last:
            self._animate()
        if saves:
            self._save()

    def _diverged(self) -> bool:
        """Whether the run went back because a number was none; all ranks come to the same."""
        self._stopwatch.pause()
        trainer = self.trainer
        names = broken(trainer.tensors(), self.accelerator)
        if not names:
            self._stopwatch.go_on()
            return False
        what = f"{describe(names, trainer.step)}: the training has diverged"
        self._happened(Event(trainer.step, "diverged", what, {"broken": names}))
        settings, folder = self.settings, self.run_.folder.checkpoints
        if settings.on_divergence == "stop" or trainer.rollbacks >= settings.rollbacks:
            found, _ = checkpoint.newest(folder)
            raise UserError(what, hint=self._way_out(found))
        roll_back(trainer, folder)
        factor = settings.rollback_rate**trainer.rollbacks
        self._tell(lambda observer: observer.rolled_back(trainer.step))
        self._happened(
            Event(
                trainer.step,
                "rolled back",
                f"{what}; going on from turn {trainer.step} with {factor:g} times the learning "
                f"rates (rollback {trainer.rollbacks} of {settings.rollbacks})",
                {"rollbacks": trainer.rollbacks, "rate_factor": factor},
            )
        )
        self._window_from = trainer.step
        self._stopwatch.lap()
        self._stopwatch.go_on()
        return True

    def _way_out(self, found: Checkpoint | None) -> str:
        """How to train on after a divergence that ends the run."""
        anew = "Begin anew with smaller rates or weights, or in fp32."
        if found is None:
            return anew
        rollbacks = self.trainer.rollbacks
        more = f" --set train.rollbacks={rollbacks + 3}" if rollbacks else ""
        return (
            f"The checkpoint of turn {found.step} is good. Go on from it with smaller rates by: "
            f"{self._continuing()} --set train.on_divergence=rollback{more}\n{anew}"
        )

    def _continuing(self) -> str:
        return continuing(self.run_.folder, self.run_.registry.plugins)

    def _report(self) -> None:
        seconds, turns = self._stopwatch.lap(), self.trainer.step - self._window_from
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
        self._tell(lambda observer: observer.reported(record))
        if self._best is not None:
            self._best.check(figures, self.run_.assembly)
        symptoms = self.run_.assembly.model.symptoms(figures) | self.trainer.symptoms_of_data()
        self._happened(*self._in_reports.heed(self.trainer.step, symptoms))
        self._check_progress(figures)
        self._stopwatch.go_on()

    def _check_progress(self, figures: Mapping[str, float]) -> None:
        """End a run that the model finds stuck; the figures are the same on every rank."""
        limit = self.settings.stuck_after
        begun = self.trainer.step - self.settings.report_every >= self._all_begun
        reason = self.run_.assembly.model.stuck(figures) if limit and begun else None
        self._stuck = self._stuck + 1 if reason else 0
        if reason and self._stuck >= limit:
            raise UserError(
                f"the training is stuck: {reason}, in {limit} reports in a row up to turn "
                f"{self.trainer.step}",
                hint=f"Go on regardless with: {self._continuing()} --set train.stuck_after=0\n"
                "Or begin anew with another seed, or smaller rates.",
            )

    def _picture(self) -> None:
        self._stopwatch.pause()
        with together():
            if self.accelerator.is_main_process:
                self._show()
        self._stopwatch.go_on()

    def _show(self) -> None:
        """Make the pictures on rank 0, and look whether they show a collapse."""
        step = self.trainer.step
        with at_rest(self.trainer) as nets:
            samples, pictures = make_pictures(self.trainer, nets)
            seen = self._collapse.look(nets, samples)
        for name, picture in pictures.items():
            for path in (self.run_.folder.picture(name, step), self.run_.folder.picture(name)):
                save_png(picture, path)
            self.audience.tell(step, partial(_shown, step=step, name=name, picture=picture))
        events = [Event(step, "pictured", details=seen.figures)]
        for event in events + self._in_pictures.heed(step, seen.symptoms):
            self.audience.tell(step, partial(_heard, event=event))

    def _animate(self) -> None:
        self._stopwatch.pause()
        with together():
            if self.accelerator.is_main_process:
                pictures = sorted(self.run_.folder.picture("samples", 0).parent.glob("step-*.png"))
                animate(pictures, self.run_.folder.path / "progress.gif")
        self._stopwatch.go_on()

    def _save(self) -> None:
        self._stopwatch.pause()
        folder = self.run_.folder
        # The checkpoint comes last, since it is what makes a run count as having come this far.
        with together():
            export(self.trainer, self.run_.settings, folder.model)
        path = checkpoint.save(self.trainer, folder.checkpoints, self.settings.keep_checkpoints)
        self._tell(lambda observer: observer.saved(self.trainer.step, path))
        self._stopwatch.go_on()

    def _happened(self, *events: Event) -> None:
        if events:
            with together():
                for event in events:
                    self.audience.tell(self.trainer.step, partial(_heard, event=event))

    def _tell_of_turn(self) -> OSError | UserError | None:
        """Tell every observer; gives what ends the run, for all ranks to raise.

        To ask all of them for it here would make each turn wait for the accelerator.
        """
        try:
            self.audience.tell(self.trainer.step, lambda each: each.turned(self.trainer.step))
        except (OSError, UserError) as error:
            return error
        return None

    def _finish(self) -> None:
        self.audience.tell(self.trainer.step, lambda each: each.finished(self.trainer.step))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        """Tell every observer; one of the host's that cannot write ends the run on all ranks."""
        with together():
            self.audience.tell(self.trainer.step, tell)


def _shown(observer: Observer, *, step: int, name: str, picture: Image) -> None:
    observer.pictured(step, name, picture)


def _heard(observer: Observer, *, event: Event) -> None:
    observer.happened(event)
