"""Weights that several calls of networks have cast to a lower precision once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def cast_once() -> Iterator[None]:
    """Let the calls within share the casts of weights to bf16 or fp16.

    A network that accelerate has prepared casts its weights anew in each call, and adds up their
    gradients in fp32. To share them saves 2 % of a turn of InfoGAN on MNIST (docs/performance.md).
    In fp32 nothing changes.

    Only for calls that run the same code: a cast that one of them makes without gradients
    (``torch.no_grad``) would serve the next as well, and let none through.
    """
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
