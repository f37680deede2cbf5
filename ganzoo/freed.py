"""Freed memory that a training on the CPU keeps for its next turn, instead of giving it back."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from glibc's malloc.h."""

_KEPT = 2**30
"""Bytes; with the largest number that mallopt takes, glibc 2.36 still gives blocks back."""

_USUAL_MMAP, _USUAL_TRIM = 32 * 2**20, 64 * 2**20
"""What glibc itself comes to, once large blocks have been freed: the end of its sliding
thresholds (mallopt(3)). A call of mallopt stops their sliding."""

_BY_THE_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@contextmanager
def freed_memory_kept(device: torch.device) -> Iterator[None]:
    """Have freed blocks stay with this process meanwhile, and given back to the system at the end.

    A turn allocates and frees the same blocks, of many megabytes, again and again. glibc gives such
    blocks back at once, and the system hands out each of their pages anew, zeroed: 7 to 12 % of the
    time of a turn (docs/performance.md). The process stays as large as it ever was in a turn.

    Does nothing where ``device`` is no CPU, the C library is another one, or the environment says
    how glibc is to do it (mallopt(3)).
    """
    chosen = any(name in os.environ for name in _BY_THE_USER)
    library = None if chosen or device.type != "cpu" else _glibc()
    if library is None:
        yield
        return
    if not library.mallopt(_MMAP_THRESHOLD, _KEPT):
        # glibc up to 2.34 takes no more. It must be told, since the next call freezes what it has.
        library.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
    library.mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        library.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP)
        library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)
