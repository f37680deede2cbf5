"""`ganzoo verify` makes turns again, compares them, and leaves the run as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from checkpoint_files import change_state
from commands import ganzoo
from small_runs import SMALL, given

from ganzoo.checkpoint import Checkpoint, read_shared
from ganzoo.errors import UserError
from ganzoo.training import Trainer
from ganzoo_workbench.replay import choose

if TYPE_CHECKING:
    from collections.abc import Callable


SETTINGS = given(
    [*SMALL, "train.checkpoint_every=3", "train.report_every=4", "train.ema_decay=0.9"]
)


pytestmark = pytest.mark.usefixtures("elsewhere")


def run_to(step: int) -> None:
    """A run in ``x`` with checkpoints of every third turn, of which two are kept, and the last."""
    result = ganzoo("run", "infogan", "--out", "x", "--steps", str(step), *SETTINGS)
    assert result.exit_code == 0, result.output


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_is_made_again_to_the_bit_and_left_as_it_is() -> None:
    run_to(8)
    before = content(Path("x"))
    last = ganzoo("verify", "x")
    assert last.exit_code == 0, last.output
    assert last.stdout == "replayed turns 7..8: identical\n"
    assert "replaying turns 7..8 from step-000006" in last.stderr
    everything = ganzoo("verify", "x", "--steps", "7")
    assert everything.stdout == "replayed turns 1..8: identical\n"
    assert "from the beginning" in everything.stderr
    assert content(Path("x")) == before


def test_a_continued_run_with_a_report_out_of_turn_is_made_again_as_well() -> None:
    run_to(5)
    assert ganzoo("run", "--resume", "x", "--steps", "7").exit_code == 0
    assert ganzoo("verify", "x", "--steps", "7").stdout == "replayed turns 1..7: identical\n"


def test_a_report_that_a_crash_cut_off_does_not_matter() -> None:
    run_to(6)
    with Path("x/metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "seco')
    assert ganzoo("verify", "x").stdout == "replayed turns 4..6: identical\n"


def test_a_run_that_went_back_is_made_again_with_the_rates_that_it_had() -> None:
    rates = ["optim.critic.lr=1e30", "train.on_divergence=rollback", "train.rollback_rate=1e-33"]
    command = ["run", "infogan", "--out", "x", "--steps", "7", *SETTINGS, *given(rates)]
    assert ganzoo(*command).exit_code == 0
    events = [json.loads(line) for line in Path("x/events.jsonl").read_text().splitlines()]
    assert [each["step"] for each in events if each["event"] == "rolled back"] == [0]
    result = ganzoo("verify", "x", "--steps", "7")
    assert result.stdout == "replayed turns 1..7: identical\n"


def test_tensors_that_differ_are_named_with_the_size_of_the_difference() -> None:
    run_to(6)

    name = next(iter(torch.load("x/checkpoints/step-000006/state.pt")["networks"]["generator"]))

    def disturb_first(state: Any) -> None:
        state["networks"]["generator"][name].view(-1)[0] += 0.5

    path = Path("x/checkpoints/step-000006")
    change_state(path, "state.pt", disturb_first)
    change_state(path, "rank-000.pt", lambda state: state["counts"].update(extra=3))
    result = ganzoo("verify", "x")
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "replayed turns 4..6: 2 values differ"
    assert lines[1].startswith(f"  networks.generator.{name}: by 0.5 at most, in 1 of ")
    assert lines[2] == "  rank 0: counts.extra: only in one of both"


def test_what_may_give_other_bits_is_listed_first() -> None:
    run_to(3)
    path = Path("x/environment.json")
    environment = json.loads(path.read_text())
    environment["history"][0]["versions"]["torch"] = "1.0"
    environment["history"][0]["world_size"] = 2
    path.write_text(json.dumps(environment))
    result = ganzoo("verify", "x")
    assert result.stdout.splitlines()[:2] == [
        "note: processes was 2, here it is 1",
        f"note: torch was 1.0, here it is {environment['versions']['torch']}",
    ]
    path.unlink()
    result = ganzoo("verify", "x")
    assert "environment.json does not say what the run was trained in" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda: Path("x/settings.toml").unlink(), "x is no run: it has no settings.toml"),
        (
            lambda: Path("x/checkpoints/step-000001/state.pt").unlink(),
            "x has no whole checkpoint to compare with",
        ),
        (lambda: Path("x/metrics.jsonl").write_text("[\n"), "metrics.jsonl cannot be read"),
        (lambda: Path("x/events.jsonl").write_text("[1]\n"), "events.jsonl cannot be read"),
    ],
)
def test_a_run_that_cannot_be_verified_says_why(break_it: Callable[[], object], said: str) -> None:
    run_to(1)
    break_it()
    result = ganzoo("verify", "x")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_checkpoint_that_goes_meanwhile_is_compared_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_to(4)
    turn = Trainer.turn

    def remove(trainer: Trainer) -> None:
        Path("x/checkpoints/step-000004/state.pt").unlink(missing_ok=True)
        turn(trainer)

    monkeypatch.setattr(Trainer, "turn", remove)
    result = ganzoo("verify", "x")
    assert result.stdout == "replayed turns 4..4: identical\n", result.output


def test_a_checkpoint_that_has_just_gone_is_said_to_be_gone() -> None:
    with pytest.raises(UserError, match=r"state\.pt is gone"):
        read_shared(Checkpoint(Path("x"), 1, 1))


def kept(*steps: int) -> list[Checkpoint]:
    return [Checkpoint(Path(f"step-{step:06d}"), step, 1) for step in steps]


@pytest.mark.parametrize(
    ("steps", "begins_at"), [(None, 20), (1, 20), (10, 20), (11, 10), (20, 10), (21, None)]
)
def test_the_latest_start_with_enough_turns_is_chosen(
    steps: int | None, begins_at: int | None
) -> None:
    start, end = choose(kept(30, 20, 10), steps)
    assert end.step == 30
    assert (None if start is None else start.step) == begins_at


def test_a_run_with_one_checkpoint_is_made_again_from_the_beginning() -> None:
    assert choose(kept(30), None)[0] is None


def program(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python module as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_it_replays_in_the_precision_that_a_launcher_chose() -> None:
    settings = [*SETTINGS, "--set", "train.precision=auto"]
    run = ["run", "dcgan", "--out", "x", "--steps", "1", *settings]
    made = program("ganzoo", *run, ACCELERATE_MIXED_PRECISION="bf16")
    assert made.returncode == 0, made.stderr
    assert json.loads(Path("x/environment.json").read_text())["precision"] == "bf16"
    verified = program("ganzoo", "verify", "x")
    assert verified.stdout == "replayed turns 1..1: identical\n", verified.stderr


@pytest.mark.slow
def test_two_processes_verify_what_two_processes_made() -> None:
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launcher += ["--main_process_port", "0", "-m", "ganzoo"]

    def launched(*arguments: str) -> subprocess.CompletedProcess[str]:
        return program(*launcher, *arguments, ACCELERATE_USE_CPU="true")

    made = launched("run", "infogan", "--out", "x", "--steps", "6", *SETTINGS)
    assert made.returncode == 0, made.stderr
    verified = launched("verify", "x")
    assert verified.stdout == "replayed turns 4..6: identical\n", verified.stderr
    alone = program("ganzoo", "verify", "x")
    assert alone.returncode == 1
    assert alone.stdout.startswith("note: processes was 2, here it is 1\n")
