"""A run that another process trains, such as one that a killed sweep left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.claim import is_held

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.folder import RunFolder
    from ganzoo_workbench.sweep.workers import Job


class Another:
    """Waits in a slot for the process that has a job's run: it computes on the same machine."""

    ours = False

    def __init__(self, job: Job, run: RunFolder) -> None:
        self.job = job
        self._run = run
        self._is_left = False

    @property
    def log(self) -> Path:
        """The file of what it says, if a sweep started it."""
        return self.job.log

    def has_ended(self) -> bool:
        """Whether the run is free, or nobody waits for it any more."""
        return self._is_left or not is_held(self._run.path)

    def stop(self) -> None:
        """Leave it alone: who started it may want it to go on."""
        self._is_left = True

    def last_words(self) -> str:
        """Nothing is known of it but this."""
        return "another process had its run"
