"""Works through the jobs of a sweep, so many at once; one that fails stops no other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ganzoo.errors import UserError

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ganzoo.signals import Received
    from ganzoo_workbench.sweep.progress import Progress
    from ganzoo_workbench.sweep.workers import Job, Worker


@dataclass(frozen=True)
class Failure:
    """A job that ended without having done what it was to do."""

    name: str
    why: str
    log: Path


@dataclass
class Ending:
    """How the jobs of a sweep ended."""

    failures: list[Failure] = field(default_factory=list)
    stopped_by: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """0 if all is done, 1 if a run failed, or that of the signal that ended it."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        return 1 if self.failures else 0


def work_through(
    jobs: Sequence[Job],
    start: Callable[[Job, int], Worker],
    *,
    slots: int,
    is_done: Callable[[Job], bool],
    progress: Progress,
    received: Received,
    pause: float,
) -> Ending:
    """Start every job as soon as one of the ``slots``, numbered from 0, is free; wait for all.

    After a signal has been ``received`` no job is started, and those under way are told to save and
    end. What a job has done is asked of ``is_done``, for a launcher's exit code tells little; a
    worker that is not ours may leave it undone, and it is started then. The ``pause`` between two
    looks at the workers is in seconds.
    """
    waiting, ending = list(jobs), Ending()
    under_way: dict[int, Worker] = {}
    try:
        while under_way or (waiting and ending.stopped_by is None):
            if received and ending.stopped_by is None:
                ending.stopped_by = received[0]
                progress.stopping(received[0])
                _stop(under_way)
            for slot in range(slots):
                if slot in under_way and under_way[slot].has_ended():
                    undone = _close(under_way.pop(slot), is_done, progress, ending)
                    waiting = [*undone, *waiting]
                if slot not in under_way and waiting and not received:
                    job = waiting.pop(0)
                    try:
                        under_way[slot] = start(job, slot)
                    except (OSError, UserError) as error:
                        why = f"cannot be started: {error}"
                        _fail(Failure(job.name, why, job.log), progress, ending)
                    else:
                        progress.started(job.name, ours=under_way[slot].ours)
            progress.look()
            if under_way:
                time.sleep(pause)
    finally:
        _stop(under_way)
    return ending


def _stop(under_way: Mapping[int, Worker]) -> None:
    for worker in under_way.values():
        worker.stop()


def _close(
    worker: Worker, is_done: Callable[[Job], bool], progress: Progress, ending: Ending
) -> list[Job]:
    """Tell how a worker ended, and give its job if it is to be started again."""
    name = worker.job.name
    if is_done(worker.job):
        progress.finished(name)
    elif ending.stopped_by is not None:
        progress.stopped(name, ours=worker.ours)
    elif not worker.ours:
        return [worker.job]
    else:
        _fail(Failure(name, worker.last_words(), worker.log), progress, ending)
    return []


def _fail(failure: Failure, progress: Progress, ending: Ending) -> None:
    ending.failures.append(failure)
    progress.failed(failure)
