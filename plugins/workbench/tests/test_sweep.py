"""`ganzoo sweep`: what is started, skipped, continued and told; here no worker trains anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pretended_sweeps import (
    DCGAN,
    IDEA,
    behave,
    calls,
    names_in,
    send_once_there,
    sweep,
)
from small_runs import SMALL, given

from ganzoo.cli import cli
from ganzoo_workbench.sweep import machine, workers
from ganzoo_workbench.sweep.workers import last_words

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_every_run_is_trained_in_its_folder_and_all_are_compared(pretend: Path) -> None:
    result = sweep(*DCGAN, "--seeds", "0-2", "--out", "x")
    assert result.exit_code == 0, result.output
    assert names_in("x") == ["logs", "seed-0", "seed-1", "seed-2", "sweep.toml"]
    assert names_in("x/logs") == ["seed-0.log", "seed-1.log", "seed-2.log"]
    assert "dcgan, preset mnist: 3 runs\n" in result.stdout
    assert "  workers   2 at once, 1 of 2 cores each\n" in result.stdout
    assert "A: 3 runs, sd with n - 1\n" in result.stdout
    header, row = result.stdout.splitlines()[-4:-2]
    seeds = [word for seed in "012" for word in ("seed", seed)]
    assert header.split() == ["score", "mean", "sd", "min", "max", *seeds]
    assert row.split() == ["sharpness", "0.500", "0.000", *["0.500"] * 5]
    assert result.stdout.endswith("\n3 of 3 runs in x are finished.\n")
    assert "  started   seed-0\n" in result.stderr
    assert "3 of 3)" in result.stderr


def test_a_worker_is_one_process_of_the_launcher_with_its_share_of_the_cores(
    pretend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "allowed_cores", lambda: 6)
    Path("idea.py").write_text(IDEA)
    Path("more.toml").write_text("# nothing more\n")
    own = ["--preset", "mnist", "--data", "mnist", "--config", "more.toml"]
    result = CliRunner().invoke(
        cli, ["--plugin", "idea.py", "sweep", *DCGAN, *own, "--seeds", "0-4", "--jobs", "2"]
    )
    assert result.exit_code == 0, result.output
    call = next(call for call in calls() if "0" in call["own"])
    assert call["threads"] == "3"
    assert call["launcher"] == [
        *("--config_file", str(workers.CONFIG)),
        *("--num_processes", "1", "--num_machines", "1"),
        *("--num_cpu_threads_per_process", "3", "-m"),
    ]
    assert call["own"] == [
        *("--plugin", "idea.py", "run", "dcgan", "--preset", "mnist", "--data", "mnist"),
        *("--steps", "5", "--config", "runs/sweep-dcgan-mnist/config/1.toml", *given(SMALL)),
        *("--seed", "0", "--out", "runs/sweep-dcgan-mnist/seed-0"),
    ]


def test_a_file_that_is_edited_during_a_sweep_changes_no_run_of_it(
    pretend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("more.toml")
    file.write_text("[train]\nreport_every = 5\n")
    begun = workers.LocalWorker.__init__

    def edit(*arguments: Any) -> None:
        file.write_text("[train]\nreport_every = 6\n")
        begun(*arguments)

    monkeypatch.setattr(workers.LocalWorker, "__init__", edit)
    result = sweep(*DCGAN, "--config", "more.toml", "--seeds", "0", "--out", "x")
    assert result.exit_code == 0, result.output
    [call] = calls()
    given_file = Path(call["own"][call["own"].index("--config") + 1])
    assert given_file.read_text() == "[train]\nreport_every = 5\n"


def test_a_precision_that_the_environment_asks_for_reaches_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "--mixed_precision" not in workers.Share(1).launcher()
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    launcher = workers.Share(1).launcher()
    assert launcher[launcher.index("--mixed_precision") + 1] == "bf16"


def test_no_more_runs_than_jobs_are_under_way_at_once(pretend: Path) -> None:
    result = sweep(*DCGAN, "--seeds", "0-3", "--out", "x", "--jobs", "1")
    words = [line.split()[:2] for line in result.stderr.splitlines() if "seed-" in line]
    assert words == [
        [word, f"seed-{seed}"] for seed in range(4) for word in ("started", "finished")
    ]


def test_a_grid_runs_every_combination_and_groups_the_seeds_of_each(pretend: Path) -> None:
    axes = ["--set", "optim.generator.lr=0.001,0.002", "--set", "model.slope=0.1,0.2"]
    result = sweep(*DCGAN, "--seeds", "0", "--out", "x", *axes, "--dry-run", "--json")
    document = json.loads(result.stdout)
    assert [run["settings"] for run in document["runs"]] == [
        {"optim.generator.lr": rate, "model.slope": slope}
        for rate in ("0.001", "0.002")
        for slope in ("0.1", "0.2")
    ]
    assert document["runs"][0] == {
        "name": "seed-0,optim.generator.lr=0.001,model.slope=0.1",
        "seed": 0,
        "settings": {"optim.generator.lr": "0.001", "model.slope": "0.1"},
        "stage": "new",
        "step": 0,
        "steps": 5,
    }
    assert (document["jobs"], document["threads"]) == (2, 1)
    assert document["settings"]["train.steps"] == 5
    assert "model.slope" not in document["settings"]
    assert not Path("x").exists()


def test_a_run_that_fails_is_named_with_its_log_and_the_others_go_on(pretend: Path) -> None:
    behave(s0="refuse", s2="crash", s3="kill")
    result = sweep(*DCGAN, "--seeds", "0-4", "--out", "x")
    assert result.exit_code == 1, result.output
    assert "  failed    seed-0  error: the disk is full\n" in result.stderr
    told = result.stdout[result.stdout.index("2 of 5 runs in x are finished.") :].splitlines()
    assert sorted(told[1:10:3]) == ["failed: seed-0", "failed: seed-2", "failed: seed-3"]
    place = told.index("failed: seed-2")
    assert told[place + 1 : place + 3] == ["  RuntimeError: out of memory", "  x/logs/seed-2.log"]
    place = told.index("failed: seed-3")
    assert told[place + 1] == "  its launcher was ended by SIGKILL"
    assert (
        "a line before\nerror: the disk is full\nMake room."
        in Path("x/logs/seed-0.log").read_text()
    )
    assert told[-1].startswith("  ganzoo sweep dcgan --steps 5 --set ")
    assert told[-1].endswith(" --seeds 0-4 --out x")
    assert "A: 2 runs" in result.stdout


def test_json_tells_runs_failures_and_the_comparison(pretend: Path) -> None:
    behave(s1="crash")
    result = sweep(*DCGAN, "--seeds", "0-2", "--out", "x", "--json")
    assert result.exit_code == 1, result.output
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert [run["stage"] for run in document["runs"]] == ["finished", "failed", "finished"]
    assert [run["step"] for run in document["runs"]] == [5, 0, 5]
    assert document["runs"][1]["error"] == "RuntimeError: out of memory"
    assert document["runs"][1]["log"] == "x/logs/seed-1.log"
    assert document["comparison"]["scores"]["sharpness"]["groups"][0]["mean"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_runs_save_and_says_how_to_go_on(
    pretend: Path, number: signal.Signals
) -> None:
    behave(s1="wait")
    send_once_there(Path("x/seed-1/metrics.jsonl"), number)
    result = sweep(*DCGAN, "--seeds", "0-3", "--out", "x", "--jobs", "1")
    assert result.stdout.endswith(" --seeds 0-3 --out x --jobs 1\n")
    assert result.exit_code == 128 + number, result.output
    assert f"  {number.name:<9} every run saves and ends" in result.stderr
    assert "  stopped   seed-1  at turn 2\n" in result.stderr
    # What saves outlives its launcher and is waited for.
    assert json.loads(Path("x/seed-1/model/config.json").read_text()) == {"step": 2}
    assert names_in("x/logs") == ["seed-0.log", "seed-1.log"]
    assert "1 of 4 runs in x are finished.\nGo on with what is not" in result.stdout
    behave()
    again = sweep(*DCGAN, "--seeds", "0-3", "--out", "x")
    assert "  runs      2 new, 1 to continue, 1 finished\n" in again.stdout
    assert again.exit_code == 0, again.output


def test_a_worker_that_cannot_be_started_is_a_failure_as_any_other(
    pretend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MODULE", ["./no-such-program"])
    result = sweep(*DCGAN, "--seeds", "0-1", "--out", "x")
    assert result.exit_code == 1, result.output
    assert result.stdout.count("No such file or directory") == 2


def test_a_worker_that_has_just_ended_can_be_stopped_on_macos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(workers, "MODULE", [sys.executable, "-c", ""])
    monkeypatch.setattr(os, "killpg", refuse)
    worker = workers.LocalWorker(workers.Job("seed-0", [], tmp_path / "log"), workers.Share(1))
    worker.stop()
    while not worker.has_ended():
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it said nothing"),
        ("turn 1\nturn 2\n\n", "turn 2"),
        ("error: a is wrong\nTake b.\n", "error: a is wrong"),
        ("Traceback ...\nValueError: bad\nbye", "ValueError: bad"),
        ("torch.OutOfMemoryError: full", "torch.OutOfMemoryError: full"),
        ("error: first\n\x1b[31merror:\x1b[0m second", "error: second"),
        ("submitit.core.utils.FailedJobError: error: a is wrong", "error: a is wrong"),
        ("a warning: DeprecationWarning: old\n 50%\r100%", "100%"),
    ],
)
def test_the_line_that_says_the_error_is_found_in_a_log(text: str, said: str) -> None:
    assert last_words(text) == said


def test_help_imports_nothing_heavy() -> None:
    probe = (
        "import sys; from ganzoo.cli import cli; cli(['sweep', '--help'], standalone_mode=False);"
        "print(*{'torch', 'numpy', 'accelerate', 'psutil', 'submitit'} & set(sys.modules),"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert "--seeds" in done.stdout
