"""Seconds spent in turns alone."""

from __future__ import annotations

import time

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all its work; a CPU always has."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


class Stopwatch:
    """Runs during turns and stands still during everything between them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds = 0.0
        self._since: float | None = None

    def go_on(self) -> None:
        """Run from now on."""
        self._since = time.perf_counter()

    def pause(self) -> None:
        """Stand still once the device has done its work."""
        if self._since is None:
            return
        synchronise(self.device)
        self._seconds += time.perf_counter() - self._since
        self._since = None

    def lap(self) -> float:
        """Pause, and give the seconds since the last lap."""
        self.pause()
        seconds, self._seconds = self._seconds, 0.0
        return seconds
