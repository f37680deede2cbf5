"""Signals that end a run save first and say how to go on; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from small_runs import SMALL, given

from ganzoo.checkpoint import newest
from ganzoo.cli import cli
from ganzoo.errors import UserError
from ganzoo.loop import Loop
from ganzoo.signals import STOPPING, Agreement, stop_signals

if TYPE_CHECKING:
    from pathlib import Path

REPORTED = [*SMALL, "train.report_every=5"]

ENDLESS = """
import time
from ganzoo import Loss, LossSpec, hookimpl

@hookimpl
def ganzoo_losses():
    yield LossSpec("endless", "endless:Endless", "Takes its time in the third turn")

class Endless(Loss):
    turn = 0

    def terms(self):
        return {"critic": self.wait}

    def wait(self, pass_):
        self.turn += 1
        if self.turn == 3:
            open("waiting", "w").close()
            time.sleep(600)
        return 0 * pass_.on_real["logits"].mean()
"""


def start(cwd: Path, *arguments: str, plugin: str | None = None) -> subprocess.Popen[str]:
    settings = given(REPORTED) if "--out" in arguments else []
    plugins = ["--plugin", plugin] if plugin else []
    return subprocess.Popen(
        [sys.executable, "-m", "ganzoo", *plugins, "run", *arguments, *settings],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def told_when_stopped(cwd: Path, number: signal.Signals) -> str:
    """What a run in ``x`` says on standard error when a signal has ended it."""
    process = start(cwd, "dcgan", "--out", "x", "--steps", "100000")
    try:
        wait_for(cwd / "x/metrics.jsonl", process)
        process.send_signal(number)
        _, told = process.communicate(timeout=120)
    finally:
        process.kill()  # one that did not end
    assert process.returncode == 128 + number
    return told


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_to_the_bit(
    tmp_path: Path, number: signal.Signals
) -> None:
    told = told_when_stopped(tmp_path, number)
    assert "everything is saved" in told
    assert "Continue with: ganzoo run --resume x" in told
    assert "Traceback" not in told

    (saved,) = (tmp_path / "x/checkpoints").glob("step-*")
    steps = str(int(saved.name.removeprefix("step-")) + 3)
    for arguments in (
        ["--resume", "x", "--steps", steps],
        ["dcgan", "--out", "y", "--steps", steps],
    ):
        finished = start(tmp_path, *arguments)
        _, told = finished.communicate(timeout=300)
        assert finished.returncode == 0, told
    broken, straight = (load_file(tmp_path / run / "model/model.safetensors") for run in "xy")
    assert all(torch.equal(value, broken[key]) for key, value in straight.items())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_a_notice_of_preemption_and_a_lost_terminal_save_too(
    tmp_path: Path, number: signal.Signals
) -> None:
    told = told_when_stopped(tmp_path, number)
    assert f"Stopped by {number.name} after turn" in told
    found, damaged = newest(tmp_path / "x/checkpoints")
    assert (found is not None, damaged) == (True, [])


@pytest.mark.slow
def test_a_second_signal_ends_the_process_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    process = start(
        tmp_path,
        *("dcgan", "--out", "x", "--set", "loss.endless.weight=1"),
        plugin="endless.py",
    )
    try:
        wait_for(tmp_path / "waiting", process)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None  # it wants to finish the turn
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()  # one that did not end
    assert process.returncode == -signal.SIGTERM  # which a shell calls 143


def test_a_signal_during_the_last_picture_ends_the_command_unscored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    animate = Loop._animate

    def told_to_stop(loop: Loop) -> None:
        signal.raise_signal(signal.SIGTERM)
        animate(loop)

    monkeypatch.setattr(Loop, "_animate", told_to_stop)
    words = ["run", "dcgan", "--out", "x", "--steps", "2", *given(SMALL)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM after turn 2; everything is saved." in result.stderr
    events = (tmp_path / "x/events.jsonl").read_text()
    assert "SIGTERM: all is trained and saved, and not scored" in events
    assert "Score it with: ganzoo eval x" in result.stderr
    assert newest(tmp_path / "x/checkpoints")[0] is not None
    assert not (tmp_path / "x/scores.json").exists()


def test_the_first_signal_is_collected_and_a_later_one_is_the_systems() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    # Under nohup a SIGHUP is ignored, and stays so.
    collected = [
        each
        for each in STOPPING
        if (each, signal.getsignal(each)) != (signal.SIGHUP, signal.SIG_IGN)
    ]
    with stop_signals() as received:
        signal.raise_signal(signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
        assert all(signal.getsignal(each) == signal.SIG_DFL for each in collected)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_the_echo_of_a_launcher_is_no_second_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    with stop_signals() as received:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGINT]


def test_a_signal_later_than_the_echo_of_a_launcher_is_the_systems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setattr("ganzoo.signals.ECHO", 0.0)
    raised: list[int] = []
    with stop_signals():
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.setattr(signal, "raise_signal", raised.append)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert raised == [signal.SIGTERM]


def test_a_failure_of_one_rank_comes_before_a_signal() -> None:
    with pytest.raises(UserError, match="the observer cannot go on"):
        Agreement(processes=1).on([signal.SIGTERM], UserError("the observer cannot go on"))


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals() as received:
            signal.raise_signal(signal.SIGHUP)
        assert received == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_launcher_that_is_gone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    agreement = Agreement(processes=1)
    assert agreement.on([]) is None
    adoptive = os.getppid() + 1  # not 1, which may be the parent of the tests themselves
    monkeypatch.setattr(os, "getppid", lambda: adoptive)
    assert agreement.on([]) == signal.SIGHUP


def test_a_thread_collects_no_signals() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: stop_signals().__enter__()).result() == []
