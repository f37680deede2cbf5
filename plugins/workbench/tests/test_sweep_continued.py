"""`ganzoo sweep` again: what is started anew, continued, extended and left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretended_sweeps import (
    DCGAN,
    behave,
    calls,
    names_in,
    started,
    sweep,
)

pytestmark = pytest.mark.usefixtures("elsewhere")


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
