"""The other processes of a training, and what is said when one of them is gone."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from torch import distributed as dist

from ganzoo import checkpoint
from ganzoo.errors import LostProcessError
from ganzoo.resume import continuing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.folder import RunFolder
    from ganzoo.plugins import Plugins

_SIGNS = ("gloo", "nccl", "closed by peer", "reset by peer", "broken pipe", "timed out")
"""What the messages of torch's collectives say when the other side has gone; they have no type."""

_ANSWER = 2.0
"""Seconds that a process is given to say that it is still there."""


@contextmanager
def told_when_lost(folder: RunFolder, plugins: Plugins) -> Iterator[None]:
    """Turn the failure of a collective into one line: who is gone, what is left, how to go on."""
    try:
        yield
    except RuntimeError as error:
        if not (dist.is_available() and dist.is_initialized() and _is_loss(error)):
            raise
        gone = missing()
        who = (
            f"rank {', '.join(str(rank) for rank in gone)} has died or does not answer"
            if gone
            else "another process has died or did not answer in time"
        )
        found, _ = checkpoint.newest(folder.checkpoints)
        kept = (
            f"The checkpoint of turn {found.step} is whole; continue with: "
            f"{continuing(folder, plugins)}"
            if found
            else "There is no checkpoint yet."
        )
        raise LostProcessError(
            f"rank {dist.get_rank()} of {dist.get_world_size()} stops: {who}", hint=kept
        ) from error


def missing() -> list[int]:
    """The ranks that do not say within a moment that they are there; empty if nobody can tell.

    They ask in the store through which the processes found each other: under accelerate and
    torchrun it belongs to the launcher and outlives any of them.
    """
    rank, size = dist.get_rank(), dist.get_world_size()
    try:
        store = dist.TCPStore(  # type: ignore[attr-defined]
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=False,
            timeout=timedelta(seconds=_ANSWER),
        )
        store.set(f"ganzoo/here/{rank}", "1")
        deadline = time.monotonic() + _ANSWER
        absent = list(range(size))
        while absent and time.monotonic() < deadline:
            absent = [each for each in absent if not store.check([f"ganzoo/here/{each}"])]
            time.sleep(0.05)
    except (KeyError, ValueError, RuntimeError):
        return []
    return absent


def _is_loss(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or any(sign in str(error).lower() for sign in _SIGNS)
