"""Freed memory that stays with a training on the CPU."""

from __future__ import annotations

import platform
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from ganzoo import freed
from ganzoo.freed import freed_memory_kept

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
BLOCK = 48 * 2**20
"""Bytes; more than glibc ever keeps by itself."""
PAGES = BLOCK // resource.getpagesize()

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is no glibc")


def use_a_block() -> None:
    torch.empty(BLOCK, dtype=torch.uint8).fill_(1)


def pages_taken(act: Callable[[], None]) -> int:
    """Pages that the system had to hand out for it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    act()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
def test_a_block_that_was_freed_is_used_again_without_a_page_from_the_system() -> None:
    use_a_block()
    assert pages_taken(use_a_block) >= PAGES // 2  # some systems hand out several at a time
    with freed_memory_kept(CPU):
        use_a_block()
        assert pages_taken(use_a_block) < PAGES // 10
    assert pages_taken(use_a_block) >= PAGES // 2


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def fail_after_a_block() -> None:
    with freed_memory_kept(CPU):
        before = resident()
        use_a_block()
        assert resident() > before + BLOCK // 2
        raise RuntimeError("diverged")


@glibc
def test_freed_memory_is_given_back_at_the_end_also_of_a_training_that_failed() -> None:
    before = resident()
    with pytest.raises(RuntimeError, match="diverged"):
        fail_after_a_block()
    assert resident() < before + BLOCK // 2


def refuse_to_be_asked() -> None:
    raise AssertionError("the C library was asked for")


def test_training_on_a_gpu_leaves_the_c_library_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "_glibc", refuse_to_be_asked)
    with freed_memory_kept(torch.device("cuda")):
        use_a_block()


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(freed.ctypes, "CDLL", refuse_to_be_asked)
    with freed_memory_kept(CPU):
        use_a_block()
