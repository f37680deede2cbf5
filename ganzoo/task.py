"""A training from its request to its folder: what `ganzoo run` and `ganzoo.train` share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.folder import RunFolder, find_run, new_name
from ganzoo.launch import Launch, launch, refuse
from ganzoo.plan import Plan, Request, make_plan
from ganzoo.resume import check_out, continue_request, refuse_finished
from ganzoo.run import Outcome, Run, agree_on_folder, decode_once, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ganzoo.data import Data
    from ganzoo.registry import Registry
    from ganzoo.reporting import Observer


@dataclass(frozen=True)
class Task:
    """A plan that fits, the place it is run at, and the processes that run it."""

    registry: Registry
    plan: Plan
    launch: Launch
    out: Path | None
    """None for a new folder with a name of its own."""

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
    plan = make_plan(request, registry)
    if run is not None:
        refuse_finished(run, plan.settings.train.steps)
    elif out is not None:
        check_out(out, plan.settings, registry)
    settings = plan.settings.train
    second_order = [name for name, loss in plan.assembly.losses.items() if loss.second_order]
    return Task(registry, plan, launch(settings.precision, settings.batch_size, second_order), out)


def execute(
    task: Task, watch: Callable[[RunFolder, Data], Sequence[Observer]] = lambda *_: ()
) -> tuple[RunFolder, Outcome]:
    """Train. ``watch`` gives observers once folder and data are known; it is asked on rank 0."""
    settings = task.plan.settings
    images = decode_once(task.plan, task.launch)
    name = new_name(settings.model.name, settings.preset, settings.train.seed)
    folder = agree_on_folder(task.launch, lambda: task.out or name)
    outcome = train(
        task.plan,
        folder,
        task.launch,
        watch(folder, images) if task.tells else (),
        images=images,
        invite=lambda run: _plugin_observers(task.registry, run),
    )
    task.launch.accelerator.end_training()
    return folder, outcome


def _plugin_observers(registry: Registry, run: Run) -> list[Any]:
    return [
        item for _, items in registry.plugins.call("ganzoo_observers", run=run) for item in items
    ]
