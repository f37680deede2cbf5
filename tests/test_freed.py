"""Freed memory that stays with a training on the CPU."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from small_runs import train_small

from ganzoo import conditions, freed
from ganzoo.freed import freed_memory_kept
from ganzoo.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = torch.device("cpu")
MIB = 2**20
PAGES = Path(__file__).parent / "programs" / "pages.py"

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is no glibc")


def pages(**environment: str) -> list[int]:
    """Pages and bytes without, pages and bytes with freed memory kept, and bytes at the end."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, str(PAGES)]
    done = subprocess.run(
        command, env=inherited | environment, check=True, capture_output=True, text=True
    )
    return [int(number) for number in done.stdout.split()]


@glibc
def test_freed_blocks_are_used_again_and_given_back_at_the_end() -> None:
    without, small, kept, large, after = pages()
    # How many there are without depends on the size of the system's pages.
    assert kept < without / 20
    assert large > small + 30 * MIB
    assert after < large - 30 * MIB


@glibc
def test_who_told_glibc_by_the_environment_is_not_overruled() -> None:
    told = {"MALLOC_MMAP_THRESHOLD_": str(MIB), "MALLOC_TRIM_THRESHOLD_": str(MIB)}
    without, _, kept, _, _ = pages(**told)
    assert kept > without / 2


class Library:
    """Stands in for the C library, and takes thresholds up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.told: list[tuple[str, int]] = []

    def mallopt(self, parameter: int, value: int) -> int:
        taken = parameter == -1 or value <= self.limit
        if taken:
            self.told.append(({-1: "trim", -3: "mmap"}[parameter], value // MIB))
        return int(taken)

    def malloc_trim(self, pad: int) -> int:
        self.told.append(("trimmed", pad))
        return 1


@pytest.mark.parametrize(("limit", "largest"), [(2**40, 1024), (32 * MIB, 32)])
def test_a_glibc_that_takes_no_gibibyte_is_told_the_most_that_it_takes(
    limit: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    library = Library(limit)
    monkeypatch.setattr(freed, "_glibc", lambda: library)
    with freed_memory_kept(CPU):
        assert library.told == [("mmap", largest), ("trim", 1024)]
    assert library.told[2:] == [("mmap", 32), ("trim", 64), ("trimmed", 0)]


def refuse_to_be_asked() -> None:
    raise AssertionError("the C library was asked for")


def test_training_on_a_gpu_leaves_the_c_library_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "_glibc", refuse_to_be_asked)
    with freed_memory_kept(torch.device("cuda")):
        pass


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(freed.ctypes, "CDLL", refuse_to_be_asked)
    with freed_memory_kept(CPU):
        pass


def test_a_training_keeps_it_from_its_first_turn_to_its_end_also_if_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    @contextmanager
    def recorder(device: torch.device) -> Iterator[None]:
        seen.append(f"kept on {device.type}")
        try:
            yield
        finally:
            seen.append("given back")

    def fail(*given: Any) -> Any:
        seen.append("training")
        raise RuntimeError("diverged")

    monkeypatch.setattr(conditions, "freed_memory_kept", recorder)
    monkeypatch.setattr(Loop, "run", fail)
    with pytest.raises(RuntimeError, match="diverged"):
        train_small(tmp_path / "run")
    assert seen == ["kept on cpu", "training", "given back"]
