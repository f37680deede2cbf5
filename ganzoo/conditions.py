"""What a process is set to while it takes the turns of a training, or times them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ganzoo.freed import freed_memory_kept
from ganzoo.kernels import reproducible_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@contextmanager
def training_conditions(device: torch.device) -> Iterator[None]:
    """Keep freed memory for the next turn, and choose kernels that give the same bits each time.

    Whoever times turns or takes them again does it under these conditions, too.
    """
    with freed_memory_kept(device), reproducible_kernels():
        yield
