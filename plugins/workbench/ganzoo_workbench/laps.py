"""Seconds between marks, on the device that does the work."""

from __future__ import annotations

import time
from collections import defaultdict

import torch

from ganzoo.stopwatch import synchronise


class Laps:
    """The time between marks, by the name of the later one.

    On CUDA a mark is an event in the stream and waits for nothing; other accelerators are waited
    for at each mark.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._marks: list[tuple[str | None, float | torch.cuda.Event]] = []

    def begin(self) -> None:
        """Start a lap; the time since the last mark counts for none."""
        self.mark(None)

    def mark(self, name: str | None) -> None:
        """End the lap ``name``, and begin the next one."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append((name, event))
        else:
            synchronise(self.device)
            self._marks.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """The sum of the laps of each name, in the order in which the names came first.

        To be asked once the device has done its work.
        """
        totals: dict[str, float] = defaultdict(float)
        for (_, before), (name, after) in zip(self._marks, self._marks[1:], strict=False):
            if name is not None:
                totals[name] += _between(before, after)
        return dict(totals)


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(before, float) or isinstance(after, float):
        assert isinstance(before, float)
        assert isinstance(after, float)
        return after - before
    milliseconds: float = before.elapsed_time(after)
    return milliseconds / 1000
