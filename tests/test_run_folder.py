"""The folder of a run: begun, continued, refused, and kept whole."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch
from reported_runs import REPORTED, ganzoo, records, run, weights

from ganzoo import checkpoint

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_a_second_run_gets_a_folder_of_its_own() -> None:
    run("dcgan", "--steps", "1")
    run("dcgan", "--steps", "1")
    assert Path("runs/dcgan-mnist-0-2/model").is_dir()


@pytest.mark.parametrize("model", ["dcgan", "infogan"])
def test_a_continued_run_equals_an_uninterrupted_one(model: str) -> None:
    run(model, "--steps", "6", "--out", "straight")
    run(model, "--steps", "3", "--out", "broken")
    result = run(model, "--resume", "broken", "--steps", "6", settings=[])
    assert "turn" in result.stdout
    one, other = weights("straight"), weights("broken")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)

    def timeless(folder: str) -> list[dict[str, Any]]:
        # The shorter run reported its last turn, too, which cuts one window in two.
        return [
            {
                key: value
                for key, value in line.items()
                if key not in ("seconds", "images_per_second")
            }
            for line in records(folder)
            if line["step"] in (2, 6)
        ]

    assert timeless("straight") == timeless("broken")


def test_options_beside_resume_must_equal_the_saved_ones() -> None:
    run("infogan", "--steps", "2", "--out", "x")
    before = Path("x/settings.toml").read_bytes()
    result = ganzoo(
        "run", "dcgan", "--resume", "x", "--seed", "5", settings=["prior.size=7", "train.steps=4"]
    )
    assert result.exit_code == 2
    for line in (
        "model: the run's is infogan, not dcgan",
        "prior.size: the run's is 62, not 7",
        "train.seed: the run's is 0, not 5",
    ):
        assert line in result.stderr
    assert "train.steps" not in result.stderr
    assert Path("x/settings.toml").read_bytes() == before


def test_a_finished_run_is_not_run_again() -> None:
    run("dcgan", "--steps", "2", "--out", "x")
    for arguments in (["--resume", "x"], ["--out", "x", "--steps", "2"]):
        settings = REPORTED if "--out" in arguments else []
        result = ganzoo("run", "dcgan", *arguments, settings=settings)
        assert result.exit_code == 2
        assert "x is finished: it has trained 2 of 2 turns" in result.stderr
        assert "--steps 4" in result.stderr


def test_out_continues_an_unfinished_run_with_the_same_settings() -> None:
    run("dcgan", "--steps", "2", "--out", "x")
    run("dcgan", "--steps", "4", "--out", "x")
    assert [line["step"] for line in records("x")] == [2, 4]
    result = ganzoo("run", "dcgan", "--steps", "6", "--seed", "1", "--out", "x")
    assert result.exit_code == 2
    assert "train.seed: the run's is 0, not 1" in result.stderr


def test_out_on_something_else_is_refused_and_left_alone() -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("dear")
    result = ganzoo("run", "dcgan", "--out", "mine")
    assert result.exit_code == 2
    assert "--out mine holds something else" in result.stderr
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
    result = ganzoo("run", "dcgan", "--out", "mine/thesis.txt")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_a_place_that_cannot_be_written_is_one_line() -> None:
    Path("file").write_text("")
    result = ganzoo("run", "dcgan", "--steps", "1", "--out", "file/run")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert "Traceback" not in result.output


def test_a_full_disk_keeps_the_last_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    run("dcgan", "--steps", "2", "--out", "x")
    save, calls = torch.save, []

    def full(state: Any, file: Any) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "state.pt")
        save(state, file)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.torch, "save", full)
        result = ganzoo("run", "dcgan", "--resume", "x", "--steps", "4", settings=[])
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert "the last checkpoint is whole" in result.stderr
    found, damaged = checkpoint.newest(Path("x/checkpoints"))
    assert found is not None
    assert (found.step, damaged) == (2, [])


def test_saved_settings_are_a_config_for_the_same_run() -> None:
    settings = [*REPORTED, "prior.codes.slant=none"]
    run("infogan", "--steps", "2", "--out", "x", settings=settings)
    run("infogan", "--config", "x/settings.toml", "--out", "y", settings=[])
    assert Path("x/settings.toml").read_text() == Path("y/settings.toml").read_text()
    assert all(torch.equal(value, weights("y")[key]) for key, value in weights("x").items())
