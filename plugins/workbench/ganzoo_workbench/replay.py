"""Turns of a run, made again in memory from a checkpoint of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelerate.utils import gather_object

from ganzoo import checkpoint, environment
from ganzoo.conditions import training_conditions
from ganzoo.errors import UserError
from ganzoo.launch import launch
from ganzoo.plan import Request, make_plan
from ganzoo.resume import lacking_plugins
from ganzoo.run import decode_once
from ganzoo.training import Trainer
from ganzoo_workbench.states import differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ganzoo.checkpoint import Checkpoint
    from ganzoo.data import Data, Streamed
    from ganzoo.folder import RunFolder
    from ganzoo.launch import Launch
    from ganzoo.plan import Plan
    from ganzoo.registry import Registry

_PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Replay:
    """What is to be made again, and compared."""

    run: RunFolder
    plan: Plan
    launch: Launch
    start: Checkpoint | None
    """None for the beginning of the run."""
    end: Checkpoint
    images: Data | Streamed
    further: Mapping[str, Data | Streamed]
    doubts: Sequence[str]
    """What may give other bits here than the run had, a sentence each."""

    @property
    def first(self) -> int:
        """Turns of the run before the replay."""
        return 0 if self.start is None else self.start.step

    @property
    def last(self) -> int:
        """The last turn that is made again."""
        return self.end.step

    @property
    def origin(self) -> str:
        """Where it begins, in words."""
        return "the beginning" if self.start is None else self.start.path.name

    @property
    def tells(self) -> bool:
        """Whether this is the process that talks."""
        tells: bool = self.launch.accelerator.is_main_process
        return tells

    def differing(self) -> list[str]:
        """Train, and give a line for each value that is not the checkpoint's.

        Every rank calls it, and all get the same lines. What each rank keeps for itself is compared
        where the run had as many.
        """
        accelerator = self.launch.accelerator
        rank = accelerator.process_index
        # A training that goes on meanwhile may remove the checkpoint.
        expected = checkpoint.read_shared(self.end) if rank == 0 else {}
        is_alike = self.end.world_size == accelerator.num_processes
        expected_own = checkpoint.read_rank(self.end, rank) if is_alike else {}
        trainer = Trainer(
            self.plan.assembly, self.images, self.plan.settings.train, accelerator, self.further
        )
        if self.start is not None:
            checkpoint.restore(trainer, self.start)
        reported, rollbacks = _reported(self.run.metrics), _rollbacks(self.run.events)
        trainer.rollbacks = max(trainer.rollbacks, rollbacks.get(trainer.step, 0))
        with training_conditions(accelerator.device):
            while trainer.step < self.last:
                trainer.turn()
                if trainer.step in reported:
                    trainer.collect()  # a report ends the window whose sums a checkpoint holds
                # From here on the run had lower rates, having come back from a later turn.
                trainer.rollbacks = max(trainer.rollbacks, rollbacks.get(trainer.step, 0))
        lines = differences(expected, trainer.state_dict()) if rank == 0 else []
        if is_alike:
            own = differences(expected_own, trainer.rank_state_dict())
            lines += [f"rank {rank}: {line}" for line in own]
        together: list[str] = gather_object(lines)
        return together


def prepare(registry: Registry, run: RunFolder, steps: int | None) -> Replay:
    """Choose what to make again; nothing is written to the run.

    Raises UserError where there is nothing to compare with.
    """
    run.require()
    kept = checkpoint.all_whole(run.checkpoints)
    if not kept or kept[0].step == 0:
        raise UserError(f"{run.path} has no whole checkpoint to compare with")
    start, end = choose(kept, steps)
    first = 0 if start is None else start.step
    trained = environment.trained_in(run.environment, first, end.step)
    try:
        plan = make_plan(Request(None, files=[run.settings]), registry)
    except UserError as error:
        raise lacking_plugins(run, registry) or error from error
    train = plan.settings.train
    # What `auto` or a launcher chose is known only to the run.
    chosen = trained[-1]["precision"] if trained else train.precision
    started = launch(chosen if chosen in _PRECISIONS else train.precision, train.batch_size)
    images, further = decode_once(plan, started)
    here = environment.present(
        started, plan.settings, registry.plugins, environment.digests(images, further)
    )
    doubts = [line for each in trained for line in environment.differences(each, here)]
    if not trained:
        doubts.append(f"{run.environment} does not say what the run was trained in")
    if any(data.stream for data in (plan.settings.data, *plan.settings.further.values())):
        doubts.append("the images were streamed: nobody checks that they are the same as then")
    return Replay(run, plan, started, start, end, images, further, list(dict.fromkeys(doubts)))


def choose(kept: Sequence[Checkpoint], steps: int | None) -> tuple[Checkpoint | None, Checkpoint]:
    """Where to begin and to end, given the whole checkpoints, the newest first.

    The end is the newest. The beginning is the latest that lies ``steps`` turns or more before it;
    None stands for the beginning of the run, which needs no checkpoint.
    """
    end, *older = kept
    for start in older:
        if steps is None or end.step - start.step >= steps:
            return start, end
    return None, end


def _reported(metrics: Path) -> set[int]:
    """The turns after which there was a report."""
    return {line["step"] for line in _lines(metrics)}


def _rollbacks(events: Path) -> dict[int, int]:
    """The turns that the run went back to, and how often it had done so by then."""
    if not events.exists():  # a run of an earlier version
        return {}
    told = [(line["step"], line.get("event"), line.get("rollbacks")) for line in _lines(events)]
    return {step: n for step, kind, n in told if kind == "rolled back" and isinstance(n, int)}


def _lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file that has one a line; a crash may have cut the last line off."""
    try:
        *whole, _ = path.read_text(encoding="utf-8").split("\n")
        return [each | {"step": int(each["step"])} for each in map(json.loads, whole)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__})") from error
