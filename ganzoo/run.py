"""One run: from a plan to a folder with a trained, scored model."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ganzoo import checkpoint, environment
from ganzoo.audience import Audience
from ganzoo.best import BestCheckpoint, Score
from ganzoo.conditions import training_conditions
from ganzoo.data import Data, Streamed, decode, open_stream
from ganzoo.distributed import together
from ganzoo.files import unwritable, whole_file
from ganzoo.folder import RunFolder
from ganzoo.loop import Loop, Outcome
from ganzoo.peers import told_when_lost
from ganzoo.reporting import EventsFile, MetricsFile, Observer
from ganzoo.resume import clear_up, remarks
from ganzoo.settings import to_toml
from ganzoo.signals import stop_signals
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ganzoo.assembly import Assembly
    from ganzoo.data import Source
    from ganzoo.launch import Launch
    from ganzoo.plan import Plan
    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings
    from ganzoo.settings import Settings


@dataclass
class Run:
    """A run as observers see it."""

    folder: RunFolder
    settings: Settings
    assembly: Assembly
    launch: Launch
    registry: Registry
    """What the run's settings were resolved with: plugins that are files are in no other."""
    first_step: int = 0
    """The turn that this run begins at; more than 0 if it continues."""
    seconds: float = 0.0
    """How long it has trained before, as its reports up to ``first_step`` say."""
    notes: Sequence[str] = ()
    """What was chosen for the user or left out of the data, a sentence each."""
    remarks: list[str] = field(default_factory=list)
    """What someone who continues a run should know of it, a sentence each."""


def train(
    plan: Plan,
    folder: RunFolder,
    launch: Launch,
    registry: Registry,
    observers: Sequence[Observer] = (),
    *,
    images: Data | Streamed,
    further: Mapping[str, Data | Streamed] | None = None,
    notes: Sequence[str] = (),
    invite: Callable[[Run], Sequence[tuple[str, Observer]]] = lambda _: (),
) -> Outcome:
    """Begin or continue the run in ``folder``; every rank calls it, only rank 0 has observers.

    ``notes`` join those of the plan. ``invite`` gives further observers that are built for the run,
    each with the name of its plugin. Raises UserError where the folder cannot be written, the
    training has diverged, or another process is gone.
    """
    main = launch.accelerator.is_main_process
    trainer = Trainer(plan.assembly, images, plan.settings.train, launch.accelerator, further)
    run = Run(folder, plan.settings, plan.assembly, launch, registry, notes=(*plan.notes, *notes))
    digests = environment.digests(images, further or {})
    here = environment.present(launch, plan.settings, registry.plugins, digests)
    with writing(folder.path), together():
        if main:
            clear_up(folder)
    found, damaged = checkpoint.agreed(folder.checkpoints, launch.accelerator)
    run.remarks += remarks(folder, found, damaged, here)
    if found is not None:
        checkpoint.restore(trainer, found)
        run.first_step = trainer.step
    metrics, events = MetricsFile(folder.metrics), EventsFile(folder.events)
    with writing(folder.path), together():
        if main:
            with whole_file(folder.settings) as file:
                file.write(to_toml(plan.settings).encode())
            environment.record(folder.environment, here, trainer.step)
            run.seconds = metrics.cut_back(trainer.step)
            events.mend()
    audience = Audience()
    if main:
        own = [metrics, events, *observers]
        if plan.settings.train.keep_best:
            own.append(BestCheckpoint(folder, Score.parse(plan.settings.train.keep_best)))
        audience = Audience(own, invite(run), strict=registry.plugins.strict)
    with (
        stop_signals() as received,
        writing(folder.path),
        told_when_lost(folder, registry.plugins),
        training_conditions(launch.accelerator.device),
    ):
        return Loop(run, trainer, audience).run(received)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell a full or read-only disk in one line; ``path`` is the folder of what is run."""
    try:
        yield
    except OSError as error:
        kept = False
        with suppress(OSError):  # of a name that no folder can have
            kept = any(RunFolder(path).checkpoints.glob("step-*"))
        hint = "Make room or choose another place with --out"
        hint += "; the last checkpoint is whole." if kept else "."
        raise unwritable(path, error, hint) from error


def decode_once(plan: Plan, launch: Launch) -> tuple[Data | Streamed, dict[str, Data | Streamed]]:
    """The training images and those of further sources, by name.

    Rank 0 decodes what is not streamed, the others read what it cached. Raises UserError, on every
    rank, for images that cannot be had.
    """
    rank, world = launch.accelerator.process_index, launch.accelerator.num_processes

    def opened(source: Source, settings: DataSettings) -> Data | Streamed:
        if settings.stream:
            return open_stream(source, settings, rank, world)
        return decode(source, settings)

    def all_opened() -> tuple[Data | Streamed, dict[str, Data | Streamed]]:
        further = {
            name: opened(source, plan.settings.further[name])
            for name, source in plan.further.items()
        }
        return opened(plan.source, plan.settings.data), further

    opened_here: tuple[Data | Streamed, dict[str, Data | Streamed]] | None = None
    for first in (True, False):
        with together():
            if launch.accelerator.is_main_process is first:
                opened_here = all_opened()
    assert opened_here is not None
    return opened_here
