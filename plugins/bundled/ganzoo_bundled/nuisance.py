"""What no factor decides, yet differs from image to image: numbers that hang on the index alone."""

from __future__ import annotations

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9
_FIRST, _SECOND = 0x7FEB352D, 0x45D9F3B
"""Odd and below 2^31, so that a product with 32 bits fits a signed integer of 64."""


def uniform(indices: Tensor, count: int, salt: int) -> Tensor:
    """Numbers in [0, 1), ``count`` for each of ``indices`` int64 (n,): float32 (n, ``count``).

    They are a hash of (index, column, ``salt``) and so the same on every machine, in every order
    and batch; no random generator is touched.
    """
    columns = torch.arange(1, count + 1) * _GOLDEN
    mixed = _scramble(indices + _scramble(torch.tensor(salt)))
    mixed = _scramble(mixed[:, None] + columns)
    return (mixed >> 8).to(torch.float32) / (1 << 24)


def between(share: Tensor, low: float, high: float) -> Tensor:
    """Stretch numbers in [0, 1) to [``low``, ``high``)."""
    return low + (high - low) * share


def _scramble(values: Tensor) -> Tensor:
    """Mix 32 bits so that each bit that goes in changes about half of those that come out."""
    values = values & _MASK
    values = ((values ^ (values >> 16)) * _FIRST) & _MASK
    values = ((values ^ (values >> 15)) * _SECOND) & _MASK
    return values ^ (values >> 16)
