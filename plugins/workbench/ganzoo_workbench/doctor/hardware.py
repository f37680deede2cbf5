"""Probes of the machine: what computes, in which precision, on how many cores, in what memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from ganzoo.cores import allowed_cores
from ganzoo.counting import counted
from ganzoo.launch import choose_precision, device_type, launchers_precision
from ganzoo_workbench.doctor.findings import gigabytes, note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo_workbench.doctor.findings import Finding

_LEAST_MEMORY = 10**9
"""Bytes below which even the smallest training is likely to be killed: torch alone takes half."""

_CGROUP = Path("/sys/fs/cgroup")


def device() -> Iterator[Finding]:
    """What a training computes on here, and in which precision."""
    kind = device_type()
    if kind == "cuda":
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            memory = gigabytes(about.total_memory)
            text = f"{about.name}, compute {about.major}.{about.minor}, {memory}"
            yield ok(f"gpu {number}", text)
    elif kind == "mps":
        yield ok("device", "GPU of a Mac")
    else:
        yield ok("device", f"CPU, up to {torch.backends.cpu.get_cpu_capability()}")
        unused = "" if torch.cuda.is_available() else _gpus_of_the_driver()
        if unused:
            yield problem(
                "gpu",
                f"{unused} is there, but torch {torch.__version__} cannot use it",
                "Install a torch for this driver: see pytorch.org/get-started/locally",
            )
    chosen, why = choose_precision("auto", launchers_precision(), kind)
    yield ok("precision", f"{chosen}: {why}")


def cores() -> Iterator[Finding]:
    """The cores that this process may use, and the threads that torch begins."""
    allowed, there, threads = allowed_cores(), os.cpu_count() or 1, torch.get_num_threads()
    share = f"{allowed} of {there}" if allowed < there else f"{allowed}"
    yield ok("cores", f"{share} for this process; torch computes in {counted(threads, 'thread')}")
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted and not (wanted.isdecimal() and int(wanted)):
        yield note(
            "threads",
            f"OMP_NUM_THREADS={wanted} is no number and has no effect",
            f"Set it to {allowed}, or not at all.",
        )
    elif wanted and int(wanted) > allowed:
        yield problem(
            "threads",
            f"OMP_NUM_THREADS={wanted} is more than the {counted(allowed, 'core')} allowed: "
            "threads get in one another's way",
            f"export OMP_NUM_THREADS={allowed}",
        )
    elif threads > allowed:
        yield problem(
            "threads",
            f"torch computes in {threads} threads on {counted(allowed, 'core')}: they get in one "
            "another's way",
            f"export OMP_NUM_THREADS={allowed}",
        )


def memory() -> Iterator[Finding]:
    """The memory that is left, under the limit of a container if there is one."""
    seen = psutil.virtual_memory()
    total, available = seen.total, seen.available
    limit, used = _bytes_in("memory.max"), _bytes_in("memory.current")
    if limit is not None and used is not None and limit < total:
        total, available = limit, min(available, limit - used + _reclaimable())
    text = f"{gigabytes(max(available, 0))} of {gigabytes(total)} available"
    if available < _LEAST_MEMORY:
        yield problem("memory", text, "End what takes it, or train elsewhere.")
    else:
        yield ok("memory", text)


def _gpus_of_the_driver() -> str:
    """The first GPU that NVIDIA's driver lists; empty if there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    try:
        listed = subprocess.run(
            [tool, "-L"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):  # a tool without a driver: no GPU
        return ""
    first = listed.stdout.partition("\n")[0]
    return first.partition(" (UUID")[0].partition(": ")[2]


def _reclaimable() -> int:
    """Bytes of a container that count as used, but are only files that the kernel keeps at hand."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        counts = dict(line.split() for line in lines)
        return int(counts["inactive_file"]) + int(counts["active_file"])
    except (OSError, ValueError, LookupError):
        return 0


def _bytes_in(name: str) -> int | None:
    try:
        text = (_CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
