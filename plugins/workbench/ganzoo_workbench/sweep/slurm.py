"""Hands the runs of a sweep to a cluster by submitit: one job for each, all in one array."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError, in_one_line
from ganzoo.layers import parse_value
from ganzoo.requirements import installing
from ganzoo_workbench.sweep.workers import Job, Share, last_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLUSTER = "slurm"
"""What submitit calls the kind of the cluster."""

_EVERYWHERE = ("timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "name")
"""Parameters that submitit has for any cluster; it knows all others of SLURM with a prefix."""

_THREADS = "cpus_per_task"
_AT_ONCE = "array_parallelism"
"""SLURM's own limit of jobs that run at once."""


def refuse_absent() -> None:
    """Raise UserError if submitit is not installed. Imports nothing."""
    if find_spec("submitit") is None:
        raise UserError(
            "--executor slurm needs submitit, which is not installed",
            hint=f"Install it with: {installing('slurm')}",
        )


def read_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """The parameters ``KEY=VALUE`` of all jobs, as submitit calls them. Raises UserError."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        name = key.strip().replace("-", "_")
        if not equals or not name:
            raise UserError(
                f"--slurm {text!r} says no value", hint="Write it as in: --slurm partition=gpu"
            )
        if name in found:
            raise UserError(f"--slurm {name} is there twice")
        if name == _AT_ONCE:
            raise UserError(f"--slurm {_AT_ONCE} is the sweep's own", hint="Say it with --jobs N.")
        found[name] = parse_value(value.strip())
    threads = found.get(_THREADS, 1)
    if type(threads) is not int or threads < 1:  # true is an int, too
        raise UserError(f"--slurm {_THREADS}={threads} is no number of cores")
    return found


def threads_of(parameters: Mapping[str, Any]) -> int:
    """The threads of a job."""
    threads: int = parameters.get(_THREADS, 1)
    return threads


@dataclass(frozen=True)
class Training:
    """The command of a job, as the cluster's machine runs it."""

    words: list[str]
    environment: Mapping[str, str]
    """What it is told besides the variables of the job."""

    def __call__(self) -> str:
        """Run it to its end, and give what it printed.

        SLURM gives its notice to every process of a job. submitit would end at it, the launcher die
        of it, and the job be over before the training, which does heed it, has saved.
        """
        from submitit.core.utils import CommandFunction

        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        environment = {**os.environ, **self.environment}
        printed: str = CommandFunction(self.words, env=environment)()
        return printed


class Cluster:
    """Jobs that wait for their turn on a cluster, or have it."""

    def __init__(self, folder: Path, parameters: Mapping[str, Any], at_once: int) -> None:
        """Nothing is submitted yet; ``folder`` must be one that the cluster's machines see.

        Raises UserError where there is no such cluster, or a parameter that it does not know.
        """
        # ganzoo saves at a SIGUSR1; at submitit's own choice a process dies.
        os.environ["SUBMITIT_PREEMPT_SIGNAL"] = "USR1"
        import submitit

        given = {
            key if key in _EVERYWHERE else f"slurm_{key}": value
            for key, value in parameters.items()
        }
        given[f"slurm_{_AT_ONCE}"] = at_once
        try:
            self._executor = submitit.AutoExecutor(folder, cluster=CLUSTER)
            self._executor.update_parameters(
                **{"name": "ganzoo-sweep", "stderr_to_stdout": True} | given
            )
        except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
            why = in_one_line(str(error).replace("\n", " "), 300)
            raise UserError(f"--executor slurm: {why}") from error
        self._threads = threads_of(parameters)

    def submit(self, jobs: Sequence[Job]) -> dict[str, ClusterWorker]:
        """Submit all jobs, and give what watches each, by its name.

        Raises UserError where the cluster takes none of them.
        """
        from submitit.core.utils import FailedJobError

        share = Share(self._threads)
        launcher, told = share.launcher(), share.threads_everywhere()
        try:
            with self._executor.batch():
                submitted = [
                    self._executor.submit(Training([*launcher, *job.words], told)) for job in jobs
                ]
        except FailedJobError as error:
            why = in_one_line(str(error).replace("\n", " "), 300)
            raise UserError(
                f"the cluster takes no jobs: {why}",
                hint="The same command again goes on, with what --slurm has to say instead.",
            ) from error
        return {
            job.name: ClusterWorker(job, each) for job, each in zip(jobs, submitted, strict=True)
        }


class ClusterWorker:
    """A job on a cluster."""

    ours = True

    def __init__(self, job: Job, submitted: Any) -> None:
        self.job = job
        self.submitted = submitted

    @property
    def log(self) -> Path:
        """The file of what it says."""
        path: Path = self.submitted.paths.stdout
        return path

    def has_ended(self) -> bool:
        """Whether the cluster is done with it."""
        ended: bool = self.submitted.done()
        return ended

    def stop(self) -> None:
        """Take it off the cluster; a training that is under way saves first."""
        self.submitted.cancel(check=False)

    def last_words(self) -> str:
        """The line that tells best why it ended."""
        try:
            return last_words(self.log.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return f"the cluster says {self.submitted.state}"
