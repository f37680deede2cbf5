"""How many cores this process may compute on. Torch-free."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def allowed_cores() -> int:
    """Cores of this machine that are left after the process's affinity and its container's quota.

    On Linux both count; elsewhere there is neither, and it is all cores.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, _quota(cores)))


def _quota(otherwise: int) -> int:
    """The cores' worth of time that a control group (version 2) grants, rounded up."""
    try:
        granted, period = _QUOTA.read_text().split()
        return math.ceil(int(granted) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no limit; nor is no file
        return otherwise
