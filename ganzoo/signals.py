"""Signals that end a run early: the turn is finished and saved first, on every rank alike."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed as dist

from ganzoo.distributed import together
from ganzoo.launch import process_timeout
from ganzoo.variables import is_launched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ganzoo.errors import UserError

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
"""Ctrl-C; what launchers and schedulers send; SLURM's notice before a preemption; a lost terminal
or launcher."""

ECHO = 5.0
"""Seconds in which a launcher passes on a signal that its processes have got already."""

Received = list[signal.Signals]

_FAILED = 256
"""What is larger than every signal, among those that ranks tell one another."""


@contextmanager
def stop_signals() -> Iterator[Received]:
    """Collect a signal of ``STOPPING`` instead of dying by it; a second ends the process at once.

    Outside the main thread, where Python handles no signals, the list stays empty. Under ``nohup``
    a SIGHUP stays ignored.
    """
    received: Received = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    first = 0.0

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal first
        if not received:
            received.append(signal.Signals(number))
            first = time.monotonic()
            if not is_launched():
                # From here on the system itself ends the process, even inside a long computation.
                for each in before:
                    signal.signal(each, signal.SIG_DFL)
        elif time.monotonic() - first > ECHO:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    before = {
        number: signal.getsignal(number)
        for number in STOPPING
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN)
    }
    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Agreement:
    """Makes what one rank was told known to all: else the others would wait for it for ever."""

    def __init__(self, processes: int) -> None:
        self._launcher = os.getppid() if is_launched() else None
        self._group: Any = None
        if processes > 1:
            # A group of its own on the CPU: asking must not wait for the accelerator.
            self._group = dist.new_group(backend="gloo", timeout=process_timeout())

    def on(
        self, received: Received, failure: OSError | UserError | None = None
    ) -> signal.Signals | None:
        """The signal that ends the run. Every rank calls it after the same turn.

        A launcher that is gone counts as a SIGHUP: without it nobody would end its processes. A
        ``failure`` of one rank is raised on every rank.
        """
        own = received[0] if received else 0
        if not own and self._launcher not in (None, os.getppid()):
            own = signal.SIGHUP
        if failure is not None:
            own = _FAILED
        if self._group is not None:
            number = torch.tensor(int(own))
            dist.all_reduce(number, dist.ReduceOp.MAX, group=self._group)
            own = int(number.item())
        if own == _FAILED:
            with together():
                if failure is not None:
                    raise failure
        return signal.Signals(own) if own else None
