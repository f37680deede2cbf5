"""Which kernels a training asks its device for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reproducible_kernels() -> Iterator[None]:
    """Have cuDNN choose convolutions that give the same bits each time; it may choose others else.

    Other CUDA kernels that add in any order stay as they are. Nothing changes on a CPU.
    """
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
