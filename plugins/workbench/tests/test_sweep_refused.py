"""`ganzoo sweep` where it cannot be: what is refused, and how."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pretended_sweeps import (
    DCGAN,
    IDEA,
    calls,
    sweep,
)

from ganzoo.claim import claimed
from ganzoo.cli import cli
from ganzoo_workbench.sweep import workers

pytestmark = pytest.mark.usefixtures("elsewhere")


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
