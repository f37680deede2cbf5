"""What the machine itself gives: its rate of matrix products, and the memory that was taken."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass

import torch

from ganzoo.stopwatch import synchronise

_SIDES = {"cpu": 1024, "cuda": 8192}
"""Sides of square matrices that are large enough for a device's full rate."""
_OTHER_SIDE = 4096
_SECONDS = 0.1


class MatrixProduct:
    """Square matrices of one type on a device, multiplied again and again."""

    def __init__(self, device: torch.device, dtype: torch.dtype, side: int | None = None) -> None:
        self.device = device
        self.side = side or _SIDES.get(device.type, _OTHER_SIDE)
        self._one, self._other = torch.randn(2, self.side, self.side, device=device).to(dtype)
        self._product = self._one @ self._other
        synchronise(device)

    def rate(self) -> float:
        """FLOP/s over about a tenth of a second."""
        products, seconds = 1, self._time(1)
        if seconds < _SECONDS:
            products = int(_SECONDS / seconds) + 1
            seconds = self._time(products)
        return products * 2 * self.side**3 / seconds

    def _time(self, products: int) -> float:
        begun = time.perf_counter()
        for _ in range(products):
            torch.mm(self._one, self._other, out=self._product)
        synchronise(self.device)
        return time.perf_counter() - begun


@dataclass(frozen=True)
class Memory:
    """The most memory in bytes that was taken at a time."""

    process: int
    """Resident, by this process since its start, Python and torch included."""
    device: int | None
    """Held by tensors on a CUDA device since :func:`forget_peak`; None on other devices."""


def forget_peak(device: torch.device) -> None:
    """Let the peak of the device's memory begin anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> Memory:
    """The peaks so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    on_cuda = device.type == "cuda"
    return Memory(process, torch.cuda.max_memory_allocated(device) if on_cuda else None)
