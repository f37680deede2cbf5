"""Programs in two processes on the CPU, through the launcher that a user starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_LAUNCH = [sys.executable, "-m", "accelerate.commands.launch"]
_LAUNCH += ["--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program, which may import what tests share, to its end."""
    settings = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(_HERE),
        **environment,
    }
    return subprocess.run(
        command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=300, check=False
    )


def launched(cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program, or ``-m MODULE``, in two processes, which meet at a free port."""
    return run([*_LAUNCH, *arguments], cwd, **environment)
