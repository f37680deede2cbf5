"""Take and free blocks of many megabytes, and tell how many pages the system handed out for it.

Started by test_freed.py in a process of its own: what lies in the memory of another decides.
"""

from __future__ import annotations

import resource
from contextlib import nullcontext
from pathlib import Path

import torch

from ganzoo.freed import freed_memory_kept

BLOCKS = [48 * 2**20, 40 * 2**20, 6 * 2**20]
TIMES = 12


def use_the_blocks() -> None:
    for size in BLOCKS:
        torch.empty(size, dtype=torch.uint8).fill_(1)


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


for kept in (False, True):
    with freed_memory_kept(torch.device("cpu")) if kept else nullcontext():
        for _ in range(TIMES):
            use_the_blocks()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(TIMES):
            use_the_blocks()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        print(resident())
print(resident())
