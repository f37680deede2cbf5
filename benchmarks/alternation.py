"""Timing by turns: a window of one, a window of the other, again and again, and what is kept of it.

Whatever else a machine does then falls on both, and ratios of neighbouring windows can be trusted
where seconds cannot.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from machine import processor

from ganzoo import environment
from ganzoo.conditions import training_conditions
from ganzoo.stopwatch import synchronise
from ganzoo_workbench.quartiles import Quartiles

if TYPE_CHECKING:
    import torch

    from ganzoo.task import Task

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "performance"

Turn = Callable[[], object]
Kind = Literal["wall", "cpu"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Timing:
    """Seconds a turn in one window."""

    wall: float
    cpu: float
    """Of this process: with one thread and beside other work the one to trust. With an accelerator
    at most what it takes to launch turns: a full queue is waited for by computing nothing."""

    def of(self, kind: Kind) -> float:
        """The seconds of this kind."""
        return self.wall if kind == "wall" else self.cpu


Round = dict[str, Timing]
"""A window of each."""


def alternate(
    turns: dict[str, Turn],
    a_window: int,
    rounds: int,
    device: torch.device,
    warm_up: int = 2,
) -> list[Round]:
    """Windows of turns of each, ``rounds`` times; every other round in the opposite order.

    Each takes ``warm_up`` turns before, under the conditions of a training of ganzoo.
    """
    timed = []
    with training_conditions(device):
        for turn in turns.values():
            time_window(turn, warm_up, device)
        for number in range(rounds):
            names = list(turns) if number % 2 == 0 else list(reversed(turns))
            timed.append({name: time_window(turns[name], a_window, device) for name in names})
    return timed


def in_processes(ways: Sequence[str], rounds: int) -> list[dict[str, dict[str, float]]]:
    """What the script that runs prints with ``--only`` each of these ways, in a process of its own.

    Every other round is in the opposite order.
    """
    found = []
    for number in range(rounds):
        told = {}
        for way in ways if number % 2 == 0 else reversed(ways):
            command = [sys.executable, *sys.argv, "--only", way]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            told[way] = json.loads(done.stdout)
        found.append(told)
    return found


def time_window(turn: Turn, count: int, device: torch.device) -> Timing:
    """The mean over ``count`` turns in a row."""
    synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        turn()
    launched = time.process_time() - cpu  # whoever waits for a GPU spins
    synchronise(device)
    return Timing((time.perf_counter() - wall) / count, launched / count)


def ratio_of(rounds: list[Round], one: str, other: str, kind: Kind = "wall") -> Quartiles:
    """How many times as long as a turn of the other a turn of the one takes, over the rounds."""
    return Quartiles.of([each[one].of(kind) / each[other].of(kind) for each in rounds])


def excess_of(rounds: list[Round], one: str, other: str, kind: Kind) -> Quartiles:
    """How many milliseconds a turn of the one takes more than one of the other, over the rounds."""
    return Quartiles.of([(each[one].of(kind) - each[other].of(kind)) * 1000 for each in rounds])


def milliseconds_of(rounds: list[Round], name: str, kind: Kind) -> Quartiles:
    """Milliseconds of a turn over the rounds."""
    return Quartiles.of([each[name].of(kind) * 1000 for each in rounds])


def images_per_second(rounds: list[Round], batch_size: int) -> dict[str, Quartiles]:
    """The rate of each over the rounds, by name."""
    rates = {name: [batch_size / each[name].wall for each in rounds] for name in rounds[0]}
    return {name: Quartiles.of(each) for name, each in rates.items()}


def say(spread: Quartiles, digits: int) -> str:
    """Median and quartiles."""
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f} to {spread.high:.{digits}f})"


def tell_rates(rates: dict[str, Quartiles]) -> None:
    """Print the rate of each."""
    for name, rate in rates.items():
        print(f"  {name:<10} {say(rate, 1)} images/s")


def about(task: Task) -> dict[str, Any]:
    """Machine and versions."""
    here = environment.present(task.launch, task.plan.settings, task.registry.plugins)
    return here | {"processor": processor()}


def hand_over(name: str, document: dict[str, Any], given: argparse.Namespace) -> None:
    """Print a result with ``--json``, and keep it in docs/results/performance/ with ``--write``."""
    text = json.dumps(document, indent=2, default=asdict) + "\n"
    if given.json:
        print(text, end="")
    if given.write:
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{name}.json"
        path.write_text(text, encoding="utf-8")
        print(f"written to docs/results/performance/{path.name}", file=sys.stderr)


def parser(
    doc: str | None, *, rounds: int, turns: int, each: str = "window"
) -> argparse.ArgumentParser:
    """The options that every such script has, with these defaults; a round has one of ``each``."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help=f"rounds, with one {each} of each")
    made.add_argument("--turns", type=int, default=turns, help=f"turns a {each}")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--json", action="store_true", help="print the whole result")
    made.add_argument("--write", action="store_true", help=f"keep it in {RESULTS.name}/")
    return made
