"""Ctrl-C and SIGTERM save first and say how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = [
    "model.generator_dense=[16]",
    "model.discriminator_dense=[16]",
    "data.limit=200",
    "train.batch_size=16",
    "train.precision=fp32",
    "train.report_every=5",
]

pytestmark = pytest.mark.slow


def start(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    given = (
        [word for setting in SETTINGS for word in ("--set", setting)]
        if "--out" in arguments
        else []
    )
    return subprocess.Popen(
        [sys.executable, "-m", "ganzoo", "run", *arguments, *given],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_to_the_bit(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path, "dcgan", "--out", "x", "--steps", "100000")
    wait_for(tmp_path / "x/metrics.jsonl", process)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "everything is saved" in told
    assert "Continue with: ganzoo run --resume x" in told
    assert "Traceback" not in told

    (saved,) = (tmp_path / "x/checkpoints").glob("step-*")
    steps = str(int(saved.name.removeprefix("step-")) + 3)
    for arguments in (
        ["--resume", "x", "--steps", steps],
        ["dcgan", "--out", "y", "--steps", steps],
    ):
        finished = start(tmp_path, *arguments)
        _, told = finished.communicate(timeout=300)
        assert finished.returncode == 0, told
    broken, straight = (load_file(tmp_path / run / "model/model.safetensors") for run in "xy")
    assert all(torch.equal(value, broken[key]) for key, value in straight.items())
