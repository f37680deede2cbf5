"""`ganzoo sweep` with real trainings: they share the cores, fail alone, save and go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import SMALL, given

from ganzoo.claim import claimed
from ganzoo.counting import counted
from ganzoo_workbench.sweep.machine import Machine

pytestmark = pytest.mark.slow

SWEEP = ["sweep", "dcgan", "--seeds", "0-1", "--jobs", "2", "--out", "x"]
SETTINGS = given([*SMALL, "train.report_every=5"])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ganzoo", *SWEEP, *SETTINGS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=400)
    return process.returncode, stdout, stderr


def test_seeds_are_trained_and_compared_though_one_fails_at_first() -> None:
    code, _, stderr = ended(start("--steps", "3", "--seeds", "0"))
    assert code == 0, stderr
    with claimed(Path("x/seed-1")):
        code, stdout, stderr = ended(start("--steps", "3"))
    assert code == 1, stderr
    assert "  runs      1 new, 1 finished\n" in stdout
    assert "1 of 2 runs in x are finished.\nfailed: seed-1\n" in stdout
    assert "\n  error: x/seed-1 is being trained by another process\n" in stdout
    assert "\n  x/logs/seed-1.log\n" in stdout
    code, stdout, stderr = ended(start("--steps", "3"))
    assert code == 0, stderr
    assert "A  x/seed-0  seed 0\n   x/seed-1  seed 1\nThere is no score to compare." in stdout
    environment = json.loads(Path("x/seed-1/environment.json").read_text())
    threads = max(Machine.here().cores // 2, 1)
    assert environment["device_name"] == f"CPU, {counted(threads, 'thread')}"


def test_ctrl_c_saves_every_run_and_the_same_command_goes_on() -> None:
    process = start("--steps", "300")
    runs = [Path("x/seed-0"), Path("x/seed-1")]
    deadline = time.monotonic() + 200
    while not all((run / "metrics.jsonl").exists() for run in runs):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = ended(process)
    assert code == 128 + signal.SIGINT, stderr
    assert "0 of 2 runs in x are finished.\n" in stdout
    assert "Go on with what is not, by the same command again:\n  ganzoo sweep dcgan" in stdout
    for run in runs:
        step = json.loads((run / "model/config.json").read_text())["step"]
        assert 0 < step < 300
        assert (run / f"checkpoints/step-{step:06d}/manifest.json").exists()
        assert "everything is saved" in Path(f"x/logs/{run.name}.log").read_text()
    code, stdout, stderr = ended(start("--steps", "300"))
    assert code == 0, stderr
    assert "  runs      2 to continue\n" in stdout
    assert "2 of 2 runs in x are finished.\n" in stdout
    for run in runs:
        assert '"continued"' in (run / "events.jsonl").read_text()
