"""Two processes end together, whichever of them and whatever hits it, and say why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from small_runs import SMALL, given

from ganzoo.checkpoint import newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAVED = [*SMALL, "train.checkpoint_every=10"]

PLUGIN = """
import math
from ganzoo import Loss, LossSpec, hookimpl

@hookimpl
def ganzoo_losses():
    yield LossSpec("faulty", "faulty:Faulty", "Is a NaN in the seventh turn, on one rank")

class Faulty(Loss):
    turn = 0

    def terms(self):
        return {"critic": self.value}

    def value(self, pass_):
        self.turn += 1
        zero = 0 * pass_.on_real["logits"].mean()
        return zero + math.nan if self.turn == 7 and pass_.draw.rank == 1 else zero
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds ranks in /proc"),
]


class Launched:
    """`ganzoo run` in two processes on the CPU."""

    def __init__(self, cwd: Path, *settings: str, steps: int = 100_000) -> None:
        self.cwd = cwd
        (cwd / "faulty.py").write_text(PLUGIN)
        environment = {
            **os.environ,
            "ACCELERATE_USE_CPU": "true",
            "OMP_NUM_THREADS": "1",
            "GANZOO_PROCESS_TIMEOUT": "10",
        }
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
        launch += ["--num_processes", "2", "--main_process_port", "0", "-m", "ganzoo"]
        launch += ["--plugin", "faulty.py", "run", "dcgan", "--out", "x", "--steps", str(steps)]
        self.errors = cwd / "errors.txt"
        with self.errors.open("w") as errors:
            self.launcher = subprocess.Popen(
                [*launch, *given([*SAVED, *settings])],
                cwd=cwd,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.ranks: dict[int, int] = {}

    def wait_for_a_checkpoint(self) -> None:
        deadline = time.monotonic() + 180
        while not list((self.cwd / "x/checkpoints").glob("step-*")):
            assert self.launcher.poll() is None, self.told()
            assert time.monotonic() < deadline, "no checkpoint"
            time.sleep(0.1)
        self.ranks = {
            rank: process
            for process in children_of(self.launcher.pid)
            if (rank := rank_of(process)) is not None
        }
        assert sorted(self.ranks) == [0, 1]

    def all_end(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.launcher.poll() is not None and not any(map(lives, self.ranks.values())):
                return True
            time.sleep(0.1)
        return False

    def told(self) -> str:
        return self.errors.read_text()

    def kill(self) -> None:
        for process in (*self.ranks.values(), self.launcher.pid):
            if process != self.launcher.pid and not lives(process):
                continue
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.launcher.wait()


def children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ancestor = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(ancestor) == parent:
            found.append(int(entry.name))
    return found


def rank_of(process: int) -> int | None:
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(each[5:]) for each in variables if each.startswith(b"RANK=")), None)


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    begun = []

    def begin(*settings: str, **options: int) -> Launched:
        begun.append(Launched(tmp_path, *settings, **options))
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        (signal.SIGTERM, "launcher"),
        (signal.SIGINT, "everyone"),
        (signal.SIGUSR1, "rank 1"),
        (signal.SIGKILL, "launcher"),
    ],
)
def test_a_signal_to_any_of_them_ends_all_with_a_whole_checkpoint(
    launched: Callable[..., Launched], number: signal.Signals, whom: str
) -> None:
    run = launched()
    run.wait_for_a_checkpoint()
    aims = {
        "launcher": [run.launcher.pid],
        "rank 1": [run.ranks[1]],
        "everyone": [*run.ranks.values(), run.launcher.pid],
    }
    for process in aims[whom]:
        os.kill(process, number)
    assert run.all_end(within=30), run.told()
    told = run.told()
    name = "SIGHUP" if number == signal.SIGKILL else number.name
    assert told.count(f"Stopped by {name} after turn") == 1
    assert "Continue with: ganzoo --plugin faulty.py run --resume x" in told
    found, damaged = newest(run.cwd / "x/checkpoints")
    assert found is not None
    assert (found.world_size, damaged) == (2, [])
    assert f"after turn {found.step}" in told  # the turn that was under way, not an earlier one


@pytest.mark.parametrize("lost", [1, 0])
def test_a_killed_rank_is_named_by_the_one_that_is_left(
    launched: Callable[..., Launched], lost: int
) -> None:
    run = launched()
    run.wait_for_a_checkpoint()
    os.kill(run.ranks[lost], signal.SIGKILL)
    assert run.all_end(within=40), run.told()
    found, damaged = newest(run.cwd / "x/checkpoints")
    assert found is not None
    assert damaged == []
    told = run.told()
    assert f"error: rank {1 - lost} of 2 stops: rank {lost} has died or does not answer" in told
    again = "continue with: ganzoo --plugin faulty.py run --resume x"
    assert f"The checkpoint of turn {found.step} is whole; {again}" in told
    assert "RuntimeError" not in told


def test_a_rank_that_hangs_ends_the_run_when_its_time_is_up(
    launched: Callable[..., Launched],
) -> None:
    run = launched()
    run.wait_for_a_checkpoint()
    os.kill(run.ranks[1], signal.SIGSTOP)
    # 10 s for the collective, a moment to ask, and the launcher's own 30 s before it kills.
    assert run.all_end(within=90), run.told()
    assert "rank 0 of 2 stops: rank 1 has died or does not answer" in run.told()


def test_a_nan_on_one_rank_stops_both_with_one_message(
    launched: Callable[..., Launched],
) -> None:
    run = launched("loss.faulty.weight=1", "train.report_every=5", steps=40)
    assert run.launcher.wait(timeout=180) != 0
    told = run.told()
    assert told.count("is no number any more at turn 10: the training has diverged") == 1
    assert "Traceback" not in told.split("error: ")[0]


def test_both_ranks_roll_back_alike(launched: Callable[..., Launched]) -> None:
    settings = ["loss.faulty.weight=1", "train.report_every=5", "train.checkpoint_every=5"]
    run = launched(*settings, "train.on_divergence=rollback", steps=12)
    assert run.launcher.wait(timeout=180) == 0, run.told()
    events = (run.cwd / "x/events.jsonl").read_text()
    assert events.count('"rolled back"') == 1
    found, damaged = newest(run.cwd / "x/checkpoints")
    assert found is not None
    assert (found.step, found.world_size, damaged) == (12, 2, [])


def test_images_that_cannot_be_had_end_both_with_one_message(
    launched: Callable[..., Launched], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(8):
        place = tmp_path / "photos" / f"{number}.png"
        if number % 2:
            place.write_bytes(b"no picture")
        else:
            Image.new("L", (28, 28), number).save(place)
    run = launched("data.name=photos", "train.batch_size=4")
    assert run.launcher.wait(timeout=180) != 0
    told = run.told()
    assert told.count("error: ") == 1
    assert "4 of 8 images of 'photos' cannot be read" in told
    assert "RuntimeError" not in told
