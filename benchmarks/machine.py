"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """Its model, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def machine() -> str:
    """The processor, with the number of its cores."""
    return f"{processor()}, {os.cpu_count()} cores"
