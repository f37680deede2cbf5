"""`ganzoo sweep` where another process trains a run, as the workers of a killed sweep go on to."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pretended_sweeps import DCGAN, behave, pretend_trainings, send_once_there, started, sweep

from ganzoo.claim import claimed, is_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SWEEP = [*DCGAN, "--seeds", "0-1", "--out", "x"]


@pytest.fixture(autouse=True)
def _begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep of which no run has come far."""
    pretend_trainings(tmp_path, monkeypatch)
    behave(s0="refuse", s1="refuse")
    assert sweep(*SWEEP).exit_code == 1
    assert started() == ["seed-0", "seed-1"]
    behave()


@contextmanager
def another_trains(run: Path, meanwhile: Callable[[], object]) -> Iterator[None]:
    """Hold a run until ``seed-1`` is scored, and do something before it is let go."""

    def hold() -> None:
        with claimed(run):
            holds.set()
            deadline = time.monotonic() + 60
            while not Path("x/seed-1/scores.json").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            meanwhile()

    holds = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    yield
    thread.join()


def finish_seed_0() -> None:
    shutil.copytree("x/seed-1", "x/seed-0", dirs_exist_ok=True)
    settings = Path("x/seed-0/settings.toml")
    settings.write_text(settings.read_text().replace("seed = 1", "seed = 0"))


def test_a_run_is_held_as_long_as_a_process_trains_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not is_held(run)
    with claimed(run):
        assert is_held(run)
        (run / "metrics.jsonl").touch()
    assert not is_held(run)
    (run / ".lock").touch()  # a killed process leaves it
    assert not is_held(run)


def test_a_run_of_another_process_is_waited_for() -> None:
    with another_trains(Path("x/seed-0"), finish_seed_0):
        result = sweep(*SWEEP)
    assert result.exit_code == 0, result.output
    assert "  waiting   seed-0  another process trains it already\n" in result.stderr
    assert "  finished  seed-0  " in result.stderr
    assert "2 of 2 runs in x are finished." in result.stdout
    assert started() == ["seed-1"]


def test_what_another_process_leaves_undone_is_done() -> None:
    with another_trains(Path("x/seed-0"), lambda: None):
        result = sweep(*SWEEP)
    assert result.exit_code == 0, result.output
    words = [line.split()[:2] for line in result.stderr.splitlines() if "seed-0" in line]
    assert words == [[word, "seed-0"] for word in ("waiting", "started", "finished")]
    assert started() == ["seed-0", "seed-1"]


def test_a_signal_leaves_the_other_process_alone() -> None:
    behave(s1="wait")
    send_once_there(Path("x/seed-1/metrics.jsonl"), signal.SIGINT)
    with claimed(Path("x/seed-0")):
        result = sweep(*SWEEP)
        assert is_held(Path("x/seed-0"))
    assert result.exit_code == 128 + signal.SIGINT, result.output
    assert "  left      seed-0  to the process that trains it\n" in result.stderr
    assert "  stopped   seed-1  at turn 2\n" in result.stderr
    assert "failed" not in result.output
