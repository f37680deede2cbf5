"""`ganzoo sweep` with real trainings: they share the cores, fail alone, save and go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from small_runs import SMALL, given

from ganzoo.counting import counted
from ganzoo_workbench.sweep.machine import Machine
from ganzoo_workbench.sweep.workers import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("elsewhere")]

SWEEP = ["sweep", "dcgan", "--seeds", "0-1", "--jobs", "2", "--out", "x"]
RUNS = [Path("x/seed-0"), Path("x/seed-1")]
SETTINGS = given([*SMALL, "train.report_every=5"])
CLUMSY = """
import os
from pathlib import Path
from ganzoo import hookimpl

@hookimpl
def ganzoo_observers(run):
    if run.settings.train.seed == 1 and not Path("mended").exists():
        print("error: this seed is not to be watched", flush=True)
        os._exit(1)
    return []
"""


PATIENT = """
import time
from pathlib import Path
from ganzoo import hookimpl
from ganzoo.reporting import Observer

class Patient(Observer):
    def reported(self, record):
        while not Path("go").exists():
            time.sleep(0.05)

@hookimpl
def ganzoo_observers(run):
    return [Patient()]
"""


def start(*arguments: str, plugins: Sequence[str] = ()) -> subprocess.Popen[str]:
    files = [word for file in plugins for word in ("--plugin", file)]
    return subprocess.Popen(
        [sys.executable, "-m", "ganzoo", *files, *SWEEP, *SETTINGS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=400)
    return process.returncode, stdout, stderr


def test_defaults_of_the_launcher_on_this_machine_reach_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = tmp_path / "accelerate" / "default_config.yaml"
    defaults.parent.mkdir()
    defaults.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_GPU\n"
        "num_processes: 2\nmixed_precision: fp16\n"
    )
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    told = "import os; print(os.environ['ACCELERATE_MIXED_PRECISION'], 'RANK' in os.environ)"
    Path("worker.py").write_text(told)
    *launcher, _, _ = Share(1, device="0").launcher()
    process = subprocess.run(
        [*launcher, "worker.py"], capture_output=True, text=True, check=False, timeout=100
    )
    assert (process.returncode, process.stdout) == (0, "no False\n"), process.stderr


def test_seeds_are_trained_and_compared_though_one_fails_at_first() -> None:
    Path("clumsy.py").write_text(CLUMSY)
    code, stdout, stderr = ended(start("--steps", "3", plugins=["clumsy.py"]))
    assert code == 1, stderr
    assert "1 of 2 runs in x are finished.\nfailed: seed-1\n" in stdout
    assert "\n  error: this seed is not to be watched\n" in stdout
    assert "\n  x/logs/seed-1.log\n" in stdout
    Path("mended").touch()
    code, stdout, stderr = ended(start("--steps", "3", plugins=["clumsy.py"]))
    assert code == 0, stderr
    assert "1 finished\n" in stdout
    assert "A  x/seed-0  seed 0\n   x/seed-1  seed 1\nThere is no score to compare." in stdout
    environment = json.loads(Path("x/seed-1/environment.json").read_text())
    threads = max(Machine.here().cores // 2, 1)
    assert environment["device_name"] == f"CPU, {counted(threads, 'thread')}"


def start_and_report(steps: str, plugins: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A sweep whose runs have all reported."""
    process = start("--steps", steps, plugins=plugins)
    deadline = time.monotonic() + 200
    while not all((run / "metrics.jsonl").exists() for run in RUNS):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_runs_that_a_killed_sweep_left_are_waited_for() -> None:
    Path("patient.py").write_text(PATIENT)
    process = start_and_report("20", plugins=["patient.py"])
    process.kill()
    process.wait()
    process = start("--steps", "20", plugins=["patient.py"])
    assert process.stderr is not None
    waited = {f"  waiting   {run.name}  another process trains it already\n" for run in RUNS}
    for line in process.stderr:
        waited.discard(line)
        if not waited:
            break
    Path("go").touch()
    code, stdout, stderr = ended(process)
    assert not waited
    assert code == 0, stderr
    assert "2 of 2 runs in x are finished.\n" in stdout
    for run in RUNS:
        assert '"continued"' not in (run / "events.jsonl").read_text()


def test_ctrl_c_saves_every_run_and_the_same_command_goes_on() -> None:
    process = start_and_report("300")
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = ended(process)
    assert code == 128 + signal.SIGINT, stderr
    assert "0 of 2 runs in x are finished.\n" in stdout
    assert "Go on with what is not, by the same command again:\n  ganzoo sweep dcgan" in stdout
    for run in RUNS:
        step = json.loads((run / "model/config.json").read_text())["step"]
        assert 0 < step < 300
        assert (run / f"checkpoints/step-{step:06d}/manifest.json").exists()
        assert "everything is saved" in Path(f"x/logs/{run.name}.log").read_text()
    code, stdout, stderr = ended(start("--steps", "300"))
    assert code == 0, stderr
    assert "  runs      2 to continue\n" in stdout
    assert "2 of 2 runs in x are finished.\n" in stdout
    for run in RUNS:
        assert '"continued"' in (run / "events.jsonl").read_text()
