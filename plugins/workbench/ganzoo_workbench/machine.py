"""What the machine itself gives: its rate of matrix products, and the memory that was taken."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.stopwatch import synchronise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.launch import Chosen

_SIDES = {"cpu": 1024, "cuda": 8192}
"""Sides of square matrices that are large enough for a device's full rate."""
_OTHER_SIDE = 4096
_SECONDS = 0.1
_PRODUCTS: Any = torch.backends.cuda.matmul
_CONVOLUTIONS: Any = getattr(torch.backends.cudnn, "conv", torch.backends.cudnn)
# From torch 2.9 on there are two names for the choice, and the older one may raise an error.
_FLAG, _TF32, _FP32 = (
    ("fp32_precision", "tf32", "ieee")
    if hasattr(_CONVOLUTIONS, "fp32_precision")
    else ("allow_tf32", True, False)
)
_TYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def fastest(precision: Chosen, device: torch.device) -> str:
    """The fastest arithmetic that a training in this precision may use on a device.

    On CUDA that of fp32 may be TF32: torch lets convolutions use it, and products if asked to.
    """
    if precision == "fp32" and device.type == "cuda" and _allows_tf32():
        return "tf32"
    return precision


def _allows_tf32() -> bool:
    return any(getattr(each, _FLAG) == _TF32 for each in (_CONVOLUTIONS, _PRODUCTS))


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    """Let products of fp32 be computed in TF32 or not, whatever the training lets them."""
    before = getattr(_PRODUCTS, _FLAG)
    setattr(_PRODUCTS, _FLAG, _TF32 if precision == "tf32" else _FP32)
    try:
        yield
    finally:
        setattr(_PRODUCTS, _FLAG, before)


class MatrixProduct:
    """Square matrices on a device, multiplied again and again in one precision."""

    def __init__(self, device: torch.device, precision: str, side: int | None = None) -> None:
        self.device, self.precision = device, precision
        self.side = side or _SIDES.get(device.type, _OTHER_SIDE)
        matrices = torch.randn(2, self.side, self.side, device=device)
        self._one, self._other = matrices.to(_TYPES[precision])
        self._product = torch.empty_like(self._one)
        self._time(1)

    def rate(self) -> float:
        """FLOP/s over about a tenth of a second."""
        products, seconds = 1, self._time(1)
        if seconds < _SECONDS:
            products = int(_SECONDS / seconds) + 1
            seconds = self._time(products)
        return products * 2 * self.side**3 / seconds

    def _time(self, products: int) -> float:
        with _products_in(self.precision):
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
