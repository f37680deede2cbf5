"""The script that benches a GPU looks first what is there, and ends in time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from subprocess import CompletedProcess

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RESULTS = BENCHMARKS.parent / "docs" / "results" / "performance"
READY = """#!/bin/sh
# A Python that finds all it needs, and then takes its time.
case "$*" in "-P -") exit 0 ;; esac
exec sleep 60
"""
BARE = f"""#!/bin/sh
# A Python in which nothing is installed.
exec {sys.executable} -S -E "$@"
"""


def run(folder: Path, *words: str, python: str = sys.executable) -> CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(BENCHMARKS / "gpu.sh"), str(folder), *words],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so_and_nothing_is_written(tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in RESULTS.iterdir()}
    done = run(tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no CUDA GPU that torch can compute on")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert {path.name: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before


def test_without_ganzoo_one_line_says_how_to_install_it(tmp_path: Path) -> None:
    done = run(tmp_path / "out", python=program(tmp_path / "python", BARE))
    assert done.returncode == 2
    assert done.stderr.startswith("error: No module named ")
    assert "pip install --no-deps --no-build-isolation .\n" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_all_commands_together_end_in_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = run(tmp_path / "out", "1", python=program(tmp_path / "python", READY))
    assert time.monotonic() - begun < 30
    assert done.returncode == 1
    assert done.stderr.count("failed: -P -m ganzoo bench infogan ") == 1
    assert "left out, for want of time: benchmarks/variants.py --turns 100 --only compiled" in (
        done.stderr
    )
    assert list((tmp_path / "out").iterdir()) == []
