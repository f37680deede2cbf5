"""`ganzoo sweep --executor slurm`: the grid as jobs of submitit, which here has no cluster."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from small_runs import SMALL, given

from ganzoo import UserError
from ganzoo.claim import claimed
from ganzoo.cli import cli
from ganzoo_workbench.sweep import slurm
from ganzoo_workbench.sweep.slurm import Cluster, read_parameters

SWEEP = ["sweep", "dcgan", "--steps", "3", *given(SMALL), "--seeds", "0-1", "--out", "x"]
ON_SLURM = [*SWEEP, "--executor", "slurm"]


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLURM that takes one array of jobs and never runs it; the file is what was submitted."""
    for name, text in {
        "srun": "",
        "sbatch": f"cp $1 {tmp_path}/submitted; echo Submitted batch job 7",
    }.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return tmp_path / "submitted"


def test_parameters_are_read_as_settings_are() -> None:
    texts = ["partition=gpu", "cpus-per-task=4", "additional_parameters={nice=5}"]
    assert read_parameters(texts) == {
        "partition": "gpu",
        "cpus_per_task": 4,
        "additional_parameters": {"nice": 5},
    }


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["gpu"], "says no value"),
        (["=1"], "says no value"),
        (["a=1", "a=2"], "a is there twice"),
        (["array-parallelism=2"], "array_parallelism is the sweep's own"),
        (["cpus_per_task=some"], "cpus_per_task=some is no number of cores"),
        (["cpus_per_task=true"], "cpus_per_task=True is no number of cores"),
        (["cpus_per_task=0"], "cpus_per_task=0 is no number of cores"),
    ],
)
def test_parameters_that_are_none_are_told(texts: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_parameters(texts)


def test_without_submitit_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.setattr(slurm, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli, ON_SLURM)
    assert result.exit_code == 2
    assert "Install it with: pip install 'submitit>=1.5'" in result.stderr
    assert not Path("x").exists()


def test_without_a_cluster_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(cli, ON_SLURM)
    assert result.exit_code == 2, result.output
    assert 'error: --executor slurm: Could not detect "srun"' in result.stderr
    assert not Path("x").exists()


def test_a_plan_has_the_threads_of_a_job(sbatch: Path) -> None:
    result = CliRunner().invoke(
        cli, [*ON_SLURM, "--slurm", "cpus_per_task=4", "--dry-run", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["threads"] == 4


def test_a_parameter_that_slurm_has_not_is_told(sbatch: Path) -> None:
    result = CliRunner().invoke(cli, [*ON_SLURM, "--slurm", "partitoin=gpu"])
    assert result.exit_code == 2, result.output
    assert "partitoin" in result.stderr
    assert not Path("x").exists()


def test_a_grid_is_one_array_of_plain_commands(
    sbatch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBMITIT_PREEMPT_SIGNAL", raising=False)
    cluster = Cluster(Path("jobs"), {"partition": "gpu", "cpus_per_task": 4, "time": 90}, 2)
    jobs = [
        slurm.Job(f"seed-{seed}", ["run", "dcgan", "--seed", str(seed)], Path("log"))
        for seed in range(3)
    ]
    watched = cluster.submit(jobs)
    assert list(watched) == ["seed-0", "seed-1", "seed-2"]
    lines = sbatch.read_text().splitlines()
    for line in (
        "#SBATCH --array=0-2%2",
        "#SBATCH --partition=gpu",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --time=90",
        "#SBATCH --signal=USR1@90",
    ):
        assert line in lines
    from submitit.core.utils import DelayedSubmission  # reads the signal at import

    for job, worker in zip(jobs, watched.values(), strict=True):
        function = DelayedSubmission.load(worker.submitted.paths.submitted_pickle).function
        assert type(function) is slurm.Training
        assert function.words[-5:] == ["ganzoo", *job.words]
        assert function.words[1:3] == ["-m", "accelerate.commands.launch"]
        place = function.words.index("--num_cpu_threads_per_process")
        assert function.words[place + 1] == "4"
        assert function.environment == {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}


@pytest.mark.usefixtures("sbatch")
def test_a_cluster_that_takes_no_jobs_says_why_in_one_line(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "sbatch"
    program.write_text("#!/bin/sh\necho invalid partition specified: gqu >&2\nexit 1\n")
    result = CliRunner().invoke(cli, ON_SLURM)
    assert result.exit_code == 2, result.output
    assert "error: the cluster takes no jobs: " in result.stderr
    assert "invalid partition specified: gqu" in result.stderr
    assert "Traceback" not in result.stderr


LAUNCHER = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
TRAINING = """
import os, signal, sys, time
from pathlib import Path

def save(*_):
    time.sleep(1)
    Path("saved").write_text(os.environ["TOLD"])
    sys.exit(0)

signal.signal(signal.SIGUSR1, save)
Path("trains").touch()
time.sleep(60)
"""


@pytest.mark.slow
def test_a_training_saves_at_the_notice_that_every_process_of_its_job_gets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", "USR1")
    import submitit

    executor = submitit.AutoExecutor("jobs", cluster="local")
    executor.update_parameters(timeout_min=2)
    words = [sys.executable, "-c", LAUNCHER, sys.executable, "-c", TRAINING]
    job = executor.submit(slurm.Training(words, {"TOLD": "3"}))
    deadline = time.monotonic() + 60
    while not Path("trains").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # The job itself stands for SLURM's own daemon.
    processes = psutil.Process(int(job.job_id)).children(recursive=True)
    assert len(processes) == 3, "submitit, the launcher and the training"
    for process in processes:
        process.send_signal(signal.SIGUSR1)
    job.result()
    assert Path("saved").read_text() == "3"


@pytest.mark.slow
def test_jobs_train_and_a_failed_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "CLUSTER", "local")
    monkeypatch.setattr("ganzoo_workbench.sweep.conducting._CLUSTER_PAUSE", 0.5)
    command = [*ON_SLURM, "--slurm", "timeout_min=10"]
    alone = [word if word != "0-1" else "0" for word in command]
    result = CliRunner().invoke(cli, alone)
    assert result.exit_code == 0, result.output
    assert "  workers   SLURM jobs, 1 at once at most\n" in result.stdout
    assert json.loads(Path("x/seed-0/model/config.json").read_text())["step"] == 3
    with claimed(Path("x/seed-1")):
        result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1, result.output
    assert "1 of 2 runs in x are finished.\n" in result.stdout
    assert "failed: seed-1\n  error: x/seed-1 is being trained by another" in result.stdout
    (log,) = [line.strip() for line in result.stdout.splitlines() if "x/jobs/" in line]
    assert "x/seed-1 is being trained" in Path(log).read_text()
