"""Two commands at once that want one folder: one has it, and the other is told."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from small_runs import SMALL, given
from two_processes import launched

from ganzoo import UserError, claim, task
from ganzoo.claim import LOCK, TakenError, claimed, is_unused
from ganzoo.cli import cli
from ganzoo.discovery import discover
from ganzoo.layers import Assignment
from ganzoo.plan import Request
from ganzoo.registry import Registry

pytestmark = pytest.mark.usefixtures("elsewhere")


def ready(out: str | None = "x", steps: int = 1) -> task.Task:
    """A small training that has yet to begin."""
    settings = [Assignment.parse(text) for text in (*SMALL, f"train.steps={steps}")]
    request = Request("dcgan", assignments=settings)
    return task.prepare(Registry(discover()), request, None if out is None else Path(out))


def program(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names_in(folder: Path | str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_folder_is_held_by_one_and_then_by_the_next() -> None:
    folder = Path("runs/x")
    with claimed(folder) as holds:
        assert holds
        assert (folder / LOCK).read_bytes() == b"", "a lock tells nothing of who holds it"
        assert is_unused(folder)
        refusal = pytest.raises(UserError, match="runs/x is being trained by another process")
        with refusal, claimed(folder):
            raise AssertionError
        (folder / "settings.toml").write_text("")
    assert names_in(folder) == ["settings.toml"]
    with claimed(folder) as holds:
        assert holds


def test_folders_in_which_nothing_came_about_go_again() -> None:
    with claimed(Path("a/b/c")):
        assert Path("a/b/c").is_dir()
    assert names_in() == []
    Path("mine").mkdir()
    with claimed(Path("mine")):
        pass
    assert names_in("mine") == []


def test_a_refused_claim_leaves_what_it_found() -> None:
    with claimed(Path("x")):
        with pytest.raises(UserError), claimed(Path("x")):
            raise AssertionError
        assert names_in("x") == [LOCK]
        with pytest.raises(UserError), claimed(Path("x")):
            raise AssertionError


def test_a_claim_waits_for_somebody_who_only_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x").mkdir()
    lock = Path("x", LOCK)
    lock.touch()
    with lock.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr(claim.time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
        with claimed(Path("x")) as holds:
            assert holds


def test_a_claim_that_the_owner_releases_meanwhile_is_made_on_the_new_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between opening and locking the owner ends and removes the file, and a third one comes."""
    real, third = fcntl.flock, ExitStack()

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        Path("x", LOCK).unlink()
        third.enter_context(claimed(Path("x")))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with third, pytest.raises(UserError, match="being trained"), claimed(Path("x")):
        raise AssertionError


def test_where_there_are_no_locks_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def without(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    arguments = ["run", "dcgan", "--steps", "1", "--out", "x", *given(SMALL)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "the file system of x has no locks" in result.stdout


@pytest.mark.parametrize("how", ["--out", "--resume"])
def test_a_run_that_is_being_trained_is_refused_and_left_alone(how: str) -> None:
    task.execute(ready("x"))
    before = contents(Path("x"))
    name = ["dcgan", *given(SMALL)] if how == "--out" else []
    with claimed(Path("x")):
        result = CliRunner().invoke(cli, ["run", *name, how, "x", "--steps", "2"])
        held = contents(Path("x"))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: x is being trained by another process"
    assert result.stdout == ""
    assert held == {**before, LOCK: b""}
    result = CliRunner().invoke(cli, ["run", *name, how, "x", "--steps", "2"])
    assert result.exit_code == 0, result.output
    assert not Path("x", LOCK).exists()


def test_a_folder_that_another_training_is_about_to_fill_is_no_strange_one() -> None:
    with claimed(Path("x")):
        result = CliRunner().invoke(cli, ["run", "dcgan", "--out", "x", *given(SMALL)])
    assert result.exit_code == 2
    assert "x is being trained by another process" in result.stderr


def test_what_was_trained_between_the_check_and_the_claim_is_seen() -> None:
    late = ready("x")
    task.execute(ready("x"))
    before = contents(Path("x"))
    with pytest.raises(UserError, match="x is finished: it has trained 1 of 1 turns"):
        task.execute(late)
    assert contents(Path("x")) == before


def test_a_training_that_cannot_begin_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise UserError("no image can be read")

    monkeypatch.setattr(task, "decode_once", broken)
    for out in ("a/b", None):
        with pytest.raises(UserError, match="no image"):
            task.execute(ready(out))
    assert names_in() == []


def test_two_new_runs_that_choose_a_name_at_once_get_different_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = task.claimed

    def overtaken(path: Path, *, new: bool = False) -> Any:
        monkeypatch.setattr(task, "claimed", real)
        path.mkdir(parents=True)
        return real(path, new=new)

    monkeypatch.setattr(task, "claimed", overtaken)
    folder, _ = task.execute(ready(None))
    assert folder.path == Path("runs/dcgan-mnist-0-2")
    assert names_in("runs/dcgan-mnist-0") == []


def test_a_new_folder_is_nobodys() -> None:
    Path("x").mkdir()
    with pytest.raises(TakenError), claimed(Path("x"), new=True):
        raise AssertionError


HOLD = """
import sys, time
from pathlib import Path
from ganzoo.claim import claimed
with claimed(Path("x")):
    Path("x/settings.toml").touch()
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_training_leaves_no_lock() -> None:
    process = program(HOLD)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="being trained"), claimed(Path("x")):
        raise AssertionError
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert Path("x", LOCK).exists()
    with claimed(Path("x")) as holds:
        assert holds
    assert not Path("x", LOCK).exists()


def started(*arguments: str) -> subprocess.Popen[str]:
    return program("from ganzoo.cli import main; main()", *arguments)


@pytest.mark.slow
def test_of_two_trainings_of_one_folder_one_trains() -> None:
    arguments = ["run", "dcgan", "--out", "x", "--steps", "60", *given(SMALL)]
    both = [started(*arguments) for _ in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], told
    refused = told[codes.index(2)][1]
    assert refused.startswith(("error: x is being trained", "error: x is finished")), refused
    assert json.loads(Path("x/model/config.json").read_text())["step"] == 60
    assert not Path("x", LOCK).exists()


@pytest.mark.slow
def test_two_trainings_without_a_folder_get_one_each() -> None:
    both = [started("run", "dcgan", "--steps", "2", *given(SMALL)) for _ in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert names_in("runs") == ["dcgan-mnist-0", "dcgan-mnist-0-2"]
    assert all((path / "model").is_dir() for path in Path("runs").iterdir())


@pytest.mark.slow
def test_a_run_may_be_sampled_while_it_trains() -> None:
    often = [*SMALL, "train.checkpoint_every=1"]
    training = started("run", "dcgan", "--out", "x", "--steps", "100000", *given(often))
    try:
        deadline = time.monotonic() + 120
        while not Path("x/model/config.json").exists():
            assert training.poll() is None, training.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(10):
            result = CliRunner().invoke(cli, ["sample", "x", "-n", "1", "-o", "out.png"])
            assert result.exit_code == 0, result.output
    finally:
        training.kill()
        training.communicate()


@pytest.mark.slow
def test_under_a_launcher_rank_0_holds_the_folder_and_all_are_refused_together(
    tmp_path: Path,
) -> None:
    words = ["-m", "ganzoo", "run", "dcgan", "--out", "x", "--steps", "2", *given(SMALL)]
    with claimed(Path("x")):
        refused = launched(tmp_path, *words)
    assert refused.returncode != 0
    assert refused.stderr.count("error: x is being trained by another process") == 1
    assert not Path("x").exists()
    trained = launched(tmp_path, *words)
    assert trained.returncode == 0, trained.stderr
    assert not Path("x", LOCK).exists()
