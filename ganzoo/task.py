"""A training from its request to its folder: what `ganzoo run` and `ganzoo.train` share."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.utils import broadcast_object_list

from ganzoo.claim import TakenError, claimed
from ganzoo.data import Images, open_source, told_of_a_run
from ganzoo.errors import UserError
from ganzoo.folder import RUNS, RunFolder, find_run, new_names
from ganzoo.launch import Launch, launch, refuse, settle_precision
from ganzoo.memory import told_when_full
from ganzoo.plan import Plan, Request, make_plan
from ganzoo.plugins import PluginError
from ganzoo.reporting import Observer
from ganzoo.resume import check_out, continue_request, refuse_hopeless, refuse_links
from ganzoo.run import Run, decode_once, train, writing
from ganzoo.schema import DataSettings, TrainSettings
from ganzoo.tracking import refuse_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ganzoo.data import Data, Streamed
    from ganzoo.loop import Outcome
    from ganzoo.model import DataInfo
    from ganzoo.registry import Registry


@dataclass(frozen=True)
class Task:
    """A plan that fits, the place it is run at, and the processes that run it."""

    registry: Registry
    plan: Plan
    launch: Launch
    out: Path | None
    """None for a new folder with a name of its own."""
    resumes: bool = False
    """Whether ``out`` is a run that was asked to be continued."""

    @property
    def tells(self) -> bool:
        """Whether this is the process that talks."""
        tells: bool = self.launch.accelerator.is_main_process
        return tells


def prepare(
    registry: Registry, request: Request, out: Path | None = None, resume: str | None = None
) -> Task:
    """Check everything that can be checked before something is written. Raises UserError."""
    refuse(os.environ)
    run = None
    if resume is not None:
        run = find_run(resume)
        request = continue_request(run, request, registry)
        out = run.path
    with told_of_a_run() if run is not None else nullcontext():
        plan = make_checked_plan(request, registry)
    settings = plan.settings.train
    _check(registry, plan, out, resumes=run is not None)
    if out is None or not RunFolder(out).is_run():
        refuse_missing_split(plan.settings.data, registry)
    started = launch(settings.precision, settings.batch_size, _second_order(plan))
    return Task(registry, plan, started, out, resumes=run is not None)


def make_checked_plan(request: Request, registry: Registry) -> Plan:
    """A plan that this machine can train, as far as can be told before processes are started.

    Raises UserError where it cannot.
    """
    plan = make_plan(request, registry)
    refuse_absent(plan.settings.train.trackers, registry.plugins)
    settle_precision(plan.settings.train.precision, _second_order(plan))
    return plan


def execute(
    task: Task,
    watch: Callable[[RunFolder], Sequence[Observer]] = lambda _: (),
) -> tuple[RunFolder, Outcome]:
    """Train. ``watch`` gives observers of the run in a folder, on rank 0.

    Raises UserError if another training has the folder, or had it since the task was prepared, and
    if there is too little memory.
    """
    train_settings = task.plan.settings.train
    with (
        _own_folder(task) as (folder, remarks),
        told_when_full(train_settings),
        _told_when_alone(train_settings),
    ):
        images, further = decode_once(task.plan, task.launch)
        plan = _counted(task.plan, images, further)
        notes = [
            *remarks,
            *images.notes,
            *(f"{name}: {note}" for name, data in further.items() for note in data.notes),
        ]
        outcome = train(
            plan,
            folder,
            task.launch,
            task.registry,
            watch(folder) if task.tells else (),
            images=images,
            further=further,
            notes=notes,
            invite=_plugin_observers,
        )
    return folder, outcome


def _counted(plan: Plan, images: Data | Streamed, further: Mapping[str, Data | Streamed]) -> Plan:
    """The plan with the numbers of images that could be read, where they are known now."""

    def counted(about: DataInfo, data: Data | Streamed) -> DataInfo:
        return replace(about, count=len(data)) if isinstance(data, Images) else about

    data = plan.assembly.data
    others = {name: counted(about, further[name]) for name, about in data.further.items()}
    data = replace(counted(data, images), further=others)
    return replace(plan, assembly=replace(plan.assembly, data=data))


@contextmanager
def _told_when_alone(settings: TrainSettings) -> Iterator[None]:
    """Turn torch's refusal to normalise over a single value into one line."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Expected more than 1 value per channel"):
            raise
        raise UserError(
            f"train.batch_size {settings.batch_size} leaves a process with one image a turn, and a "
            "network cannot normalise over that",
            hint="Take two images or more for each process.",
        ) from error


def _second_order(plan: Plan) -> list[str]:
    return [name for name, loss in plan.assembly.losses.items() if loss.second_order]


def _check(registry: Registry, plan: Plan, out: Path | None, *, resumes: bool) -> None:
    """Raise UserError where ``out`` may be neither begun nor continued."""
    if out is None:
        return
    with writing(out):
        if resumes:
            refuse_hopeless(RunFolder(out), plan.settings.train.steps, registry.plugins)
        else:
            check_out(out, plan.settings, registry)


def refuse_missing_split(data: DataSettings, registry: Registry) -> None:
    """Raise UserError if the data lack a test split that somebody chose: now, not at the scores."""
    if data.test_split != DataSettings.test_split:
        open_source(data, registry, data.test_split)


@contextmanager
def _own_folder(task: Task) -> Iterator[tuple[RunFolder, list[str]]]:
    """The folder of the run and remarks on it; rank 0 holds it until the block ends."""
    with ExitStack() as stack:
        chosen: list[Any] = [None]
        failure: UserError | None = None
        if task.tells:
            try:
                with writing(task.out or RUNS):
                    chosen = [_claim(task, stack)]
            except UserError as error:
                failure = error
        # The others wait here: they have to learn of a failure, too.
        told = broadcast_object_list(chosen)[0]
        if failure is not None:
            raise failure
        if told is None:
            raise UserError("rank 0 cannot have the folder of the run")
        path, notes = told
        yield RunFolder(Path(path)), notes


def _claim(task: Task, stack: ExitStack) -> tuple[str, list[str]]:
    """Hold the folder that was asked for, or a new one, until the stack unwinds."""
    if task.out is not None:
        path, holds = task.out, stack.enter_context(claimed(task.out))
        refuse_links(path)
        _check(task.registry, task.plan, path, resumes=task.resumes)
    else:
        path, holds = _claim_new(task, stack)
    without = f"the file system of {path} has no locks: nothing keeps a second training out of it"
    return str(path), [] if holds else [without]


def _claim_new(task: Task, stack: ExitStack) -> tuple[Path, bool]:
    settings = task.plan.settings
    for path in new_names(settings.model.name, settings.preset, settings.train.seed):
        try:
            return path, stack.enter_context(claimed(path, new=True))
        except TakenError:  # between the look and the making of it
            continue
    raise AssertionError("names never end")


def _plugin_observers(run: Run) -> list[tuple[str, Observer]]:
    """The observers of plugins, each with the name of its plugin."""
    plugins = run.registry.plugins
    found: list[tuple[str, Observer]] = []
    for plugin, items in plugins.call("ganzoo_observers", run=run):
        for item in items:
            if isinstance(item, Observer):
                found.append((plugin.qualified, item))
            else:
                flaw = PluginError(f"yields a {type(item).__name__}, not an Observer")
                plugins.blame(plugin.qualified, "ganzoo_observers", flaw)
    return found
