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
    behave,
    calls,
    pretend_trainings,
    send_once_there,
    started,
    sweep,
)
from small_runs import SMALL, given

from ganzoo.claim import claimed
from ganzoo.cli import cli
from ganzoo_workbench.sweep import machine, workers
from ganzoo_workbench.sweep.workers import last_words

IDEA = """
from ganzoo import hookimpl

@hookimpl
def ganzoo_losses():
    return []
"""


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pretend_trainings(tmp_path, monkeypatch)


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


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


def test_the_same_command_again_starts_what_is_unfinished_alone(pretend: Path) -> None:
    behave(s1="refuse", s2="no scores")
    first = sweep(*DCGAN, "--seeds", "0-2", "--out", "x")
    assert first.exit_code == 1, first.output
    assert len(calls()) == 3
    behave()
    before = Path("x/seed-0/model/config.json").stat().st_mtime_ns
    second = sweep(*DCGAN, "--seeds", "0-2", "--out", "x")
    assert second.exit_code == 0, second.output
    assert "  runs      1 new, 1 to score, 1 finished\n" in second.stdout
    scored, trained = sorted((call["own"] for call in calls()), key=lambda own: "run" in own)
    assert trained[trained.index("--out") + 1] == "x/seed-1"
    assert scored[:2] == ["eval", "x/seed-2"]
    assert scored[2::2] == ["--metric"] * (len(scored) // 2 - 1)
    assert Path("x/seed-0/model/config.json").stat().st_mtime_ns == before
    third = sweep(*DCGAN, "--seeds", "0-2", "--out", "x")
    assert third.exit_code == 0
    assert calls() == []
    assert "A: 3 runs" in third.stdout


def test_further_seeds_extend_the_sweep_and_are_compared_with_those_there(pretend: Path) -> None:
    assert sweep(*DCGAN, "--seeds", "0").exit_code == 0
    assert started() == ["seed-0"]
    result = sweep(*DCGAN, "--seeds", "1-2")
    assert result.exit_code == 0, result.output
    assert started() == ["seed-1", "seed-2"]
    assert "A: 3 runs" in result.stdout
    assert names_in("runs") == ["sweep-dcgan-mnist"]


def test_what_the_command_does_not_name_is_not_what_it_goes_on_with(pretend: Path) -> None:
    behave(s1="refuse")
    assert sweep(*DCGAN, "--seeds", "0-1", "--out", "x").exit_code == 1
    result = sweep(*DCGAN, "--seeds", "0", "--out", "x")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == [
        "1 of 2 runs in x are finished.",
        "Not named this time, and not finished: 1 run, seed-1 first.",
    ]


def test_more_steps_train_all_runs_further(pretend: Path) -> None:
    assert sweep(*DCGAN, "--seeds", "0-1", "--out", "x").exit_code == 0
    calls()
    longer = [word if word != "5" else "7" for word in DCGAN]
    refused = sweep(*longer, "--seeds", "1", "--out", "x")
    assert refused.exit_code == 2
    assert "x has further runs, which would be left at turn 5" in refused.stderr
    settings = Path("settings.toml")
    settings.write_text(settings.read_text().replace("steps = 5", "steps = 7"))
    result = sweep(*longer, "--seeds", "0-1", "--out", "x")
    assert result.exit_code == 0, result.output
    assert "  runs      2 to continue\n" in result.stdout
    assert started() == ["seed-0", "seed-1"]


def test_another_sweep_without_out_gets_a_folder_of_its_own(pretend: Path) -> None:
    assert sweep(*DCGAN, "--seeds", "0").exit_code == 0
    other = ["--set", "optim.generator.lr=0.003"]
    refused = sweep(*DCGAN, "--seeds", "1", *other, "--out", "runs/sweep-dcgan-mnist")
    assert refused.exit_code == 2
    assert "optim.generator.lr: the sweep's is " in refused.stderr
    planned = sweep(*DCGAN, "--seeds", "1", *other, "--dry-run")
    assert "  folder    runs/sweep-dcgan-mnist-2\n" in planned.stdout


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


def test_no_run_begins_with_a_plugin_that_is_not_what_the_sweep_was_planned_with(
    pretend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Path("changing_idea.py")
    plugin.write_text(IDEA)
    begun = workers.LocalWorker.__init__

    def edit(*arguments: Any) -> None:
        begun(*arguments)
        plugin.write_text(f"{IDEA}\n# another idea\n")

    monkeypatch.setattr(workers.LocalWorker, "__init__", edit)
    own = ["--seeds", "0-1", "--out", "x", "--jobs", "1"]
    words = ["--plugin", str(plugin), "sweep", *DCGAN, *own]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 1, result.output
    assert "changing_idea.py has been edited since the sweep began" in " ".join(
        result.stdout.split()
    )
    assert len(calls()) == 1


def test_what_can_be_read_once_is_no_file_of_settings(pretend: Path) -> None:
    os.mkfifo("pipe")
    result = sweep(*DCGAN, "--config", "pipe", "--seeds", "0", "--out", "x")
    assert result.exit_code == 2
    assert "--config pipe is no regular file" in result.stderr


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


def test_two_sweeps_in_one_folder_are_refused(pretend: Path) -> None:
    with claimed(Path("x")):
        result = sweep(*DCGAN, "--seeds", "0", "--out", "x")
    assert result.exit_code == 2
    assert "x is being trained by another process" in result.stderr
    assert calls() == []


def test_a_run_begun_with_other_settings_is_refused_before_anything_starts(pretend: Path) -> None:
    assert sweep(*DCGAN, "--seeds", "0-1", "--out", "x").exit_code == 0
    calls()
    settings = Path("x/seed-1/settings.toml")
    settings.write_text(settings.read_text().replace("batch_size = 16", "batch_size = 8"))
    result = sweep(*DCGAN, "--seeds", "0-2", "--out", "x")
    assert result.exit_code == 2
    assert "x/seed-1 was begun with other settings" in result.stderr
    assert calls() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "0"], "say which model to train"),
        (["dcgn", "--seeds", "0"], "did you mean 'dcgan'?"),
        (["dcgan"], "missing option '--seeds'"),
        (["dcgan", "--seeds", "9-0"], "9-0 has no seed"),
        (["dcgan", "--seeds", "a"], "'a' is no list of seeds"),
        (["dcgan", "--seeds", "1,1"], "--seeds has 1 twice"),
        (["dcgan", "--seeds", "0", "--jobs", "0"], "0 is not in the range"),
        (["dcgan", "--seeds", "0", "--preset", "mnits"], "no preset 'mnits'"),
        (["dcgan", "--seeds", "0", "--steps", "0"], "greater than 0, not 0   from --steps"),
        (["dcgan", "--seeds", "0", "--data", "mnst"], "did you mean 'mnist'?"),
        (["dcgan", "--seeds", "0", "--config", "no.toml"], "no.toml"),
        (["dcgan", "--seeds", "0", "--set", "model.slop=0.1"], "did you mean model.slope?"),
        (["dcgan", "--seeds", "0", "--set", "model.slope=0.1,high"], "with model.slope=high"),
        (["dcgan", "--seeds", "0", "--set", "model.slope=0.1,0.1"], "has 0.1 twice"),
        (
            ["dcgan", "--seeds", "0", "--set", "model.slope=0.10,0.1"],
            "model.slope=0.10 and model.slope=0.1 are the same",
        ),
        (["dcgan", "--seeds", "0", "--set", "model.slope=0.1,(2"], "are not closed"),
        (["dcgan", "--seeds", "0", "--set", "train.precision=fp32,fp16"], "fp16 does not train"),
        (["dcgan", "--seeds", "0", "--slurm", "time=5"], "--slurm needs --executor slurm"),
        (["dcgan", "--seeds", "0", "--out", "file"], "--out file is a file"),
        (["dcgan", "--seeds", "0", "--out", "full"], "--out full holds something else"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full/mine").write_text("")
    before = sorted(Path().rglob("*"))
    result = sweep(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert sorted(Path().rglob("*")) == before


def test_a_launcher_around_a_sweep_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")  # as some clusters have it
    assert sweep("dcgan", "--seeds", "0", "--dry-run").exit_code == 0
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    result = sweep("dcgan", "--seeds", "0")
    assert result.exit_code == 2
    assert "ganzoo sweep starts its own processes" in result.stderr


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
