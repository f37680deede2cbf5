"""One process of ``accelerate launch`` for each run, in a session of its own, with a log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
import psutil

from ganzoo.errors import in_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = [sys.executable, "-m", "accelerate.commands.launch", "--quiet"]
"""The launcher; its exit code is 1 whatever that of its process is."""
CONFIG = Path(__file__).with_name("launch.yaml")
"""Stands in for the machine's own defaults, of which the plan of a sweep knows nothing."""

_ERROR = re.compile(r"error: |[\w.]*(Error|Exception)\b")
_AROUND = re.compile(r"[\w.]+(Error|Exception): (?=error: )")
"""What a cluster puts before the error of a command that it ran."""
_LONGEST = 300


@dataclass(frozen=True)
class Job:
    """What is left to do of one run."""

    name: str
    words: Sequence[str]
    """Of the command, behind ``ganzoo``."""
    log: Path


class Worker(Protocol):
    """A job under way, wherever that is."""

    job: Job
    ours: bool
    """Whether this sweep started it."""

    @property
    def log(self) -> Path:
        """The file of what it says."""
        ...

    def has_ended(self) -> bool:
        """Whether nothing of it is left."""
        ...

    def stop(self) -> None:
        """Have it save and end."""
        ...

    def last_words(self) -> str:
        """The line that tells best why it ended."""
        ...


@dataclass(frozen=True)
class Share:
    """What of this machine a worker gets."""

    threads: int
    device: str | None = None
    """The GPU, as ``CUDA_VISIBLE_DEVICES`` names it; None if there is none to choose."""
    decoders: int = 0
    """Processes that decode for it, if it streams and ``data.workers`` is left out."""

    def launcher(self) -> list[str]:
        """The command that launches one process, up to the words of ``ganzoo``."""
        from ganzoo.launch import asks_for_cpu, launchers_precision

        precision = launchers_precision()
        return [
            *MODULE,
            *("--config_file", str(CONFIG)),
            *("--num_processes", "1", "--num_machines", "1"),
            *("--num_cpu_threads_per_process", str(self.threads)),
            # The launcher overwrites the variables, whatever they say.
            *(["--cpu"] if asks_for_cpu() else []),
            *(["--mixed_precision", precision] if precision else []),
            *(["--gpu_ids", self.device] if self.device is not None else []),
            *("-m", "ganzoo"),
        ]

    def environment(self) -> dict[str, str]:
        """What the processes of a worker are told of it."""
        from ganzoo.data.streamed import DECODERS

        return {**self.threads_everywhere(), DECODERS: str(self.decoders)}

    def threads_everywhere(self) -> dict[str, str]:
        """Its threads, for each library that computes.

        Where both variables are set, torch takes as many as MKL is told.
        """
        return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))


class LocalWorker:
    """A job in processes of this machine."""

    ours = True

    def __init__(self, job: Job, share: Share) -> None:
        """Start it. Raises OSError."""
        self.job = job
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as log:
            self._from = log.tell()
            self._process = subprocess.Popen(
                [*share.launcher(), *job.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **share.environment()},
                # Ctrl-C in a terminal goes to its whole group, and the launcher dies of it.
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """The file of what it says."""
        return self.job.log

    def has_ended(self) -> bool:
        """Whether the launcher and the training are gone; a launcher that was killed left that."""
        code = self._process.poll()
        return code is not None and (code >= 0 or not _has_members(self._process.pid))

    def stop(self) -> None:
        """Have it save and end: the launcher dies at once, the training when it has saved."""
        # On macOS a group of which only a zombie is left may not be sent a signal.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)

    def last_words(self) -> str:
        """The line of this start in the log that tells best why it ended."""
        with self.job.log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode(errors="replace")
        if self._process.returncode < 0:
            return f"its launcher was ended by {signal.Signals(-self._process.returncode).name}"
        return last_words(text)


def last_words(text: str) -> str:
    """The last line of a log that says an error; else the last line at all."""
    lines = [click.unstyle(line).strip() for line in re.split("[\r\n]", text)]
    errors = [line for line in lines if _ERROR.match(line)]
    said = [line for line in lines if line]
    return in_one_line(_AROUND.sub("", (errors or said or ["it said nothing"])[-1]), _LONGEST)


def _has_members(group: int) -> bool:
    """Whether a process of this group is alive; one that only waits to be reaped is not."""
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
