"""Kill a run again and again, continue it each time, and compare it with one that nobody killed.

    python benchmarks/torture.py [--model dcgan|infogan|stateful] [--processes 1|2|3]
                                 [--precision fp32|bf16] [--kills 20] [--seed 0] [--steps 2000]
                                 [--write]

A third of the kills (SIGKILL, to every process of the run) comes at any moment after the start, a
third while turns are taken, a third while a checkpoint is being written. Then checkpoints, the
model, pictures, and metrics.jsonl but for its clock times are compared byte by byte; what tells of
the kills, or comes of the model alone, is not. ``--write`` keeps the outcome in
docs/results/reliability/. The networks are tiny; neither files nor state know that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import psutil

from ganzoo import checkpoint
from ganzoo.files import PARTIAL
from ganzoo.folder import RunFolder
from ganzoo_workbench.states import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
RESULTS = HERE.parent / "docs" / "results" / "reliability"

CLOCKS = ("seconds", "images_per_second")
"""Figures of metrics.jsonl that no two runs share."""

OTHERWISE = {"environment.json", "events.jsonl", "metrics.jsonl", "report.html"}
"""Files that tell of the kills, or are compared by what they say; scores come of the model."""

SETTINGS = {
    "model.generator_dense": "[16]",
    "model.generator_channels": "[8, 4]",
    "model.discriminator_channels": "[4, 8]",
    "model.discriminator_dense": "[16]",
    "data.limit": "200",
    "train.batch_size": "24",
    "train.report_every": "7",
    "train.checkpoint_every": "10",
    "train.images_every": "250",
    "train.ema_decay": "0.9",
}
STATEFUL = {"loss.memory.weight": "1", "loss.memory.every": "3", "loss.memory.ramp": "[0, 40]"}

Moment = Literal["any", "turns", "checkpoint"]


@dataclass(frozen=True)
class Kill:
    """One kill: what it was aimed at, and what it left."""

    aimed_at: Moment
    seconds: float
    """After the start of the processes."""
    step: int
    """Of the newest whole checkpoint afterwards; 0 if there was none."""
    unfinished: int
    """Checkpoints that it left half written."""


@dataclass(frozen=True)
class Victim:
    """A run that is to be killed."""

    model: str
    processes: int
    precision: str
    steps: int

    def command(self, out: Path) -> list[str]:
        """What begins the run in ``out``, or continues it."""
        start = [sys.executable, "-m"]
        if self.processes > 1:
            start += ["accelerate.commands.launch", "--multi_gpu"]
            start += ["--num_processes", str(self.processes), "--main_process_port", "0", "-m"]
        settings = SETTINGS | {"train.precision": self.precision}
        plugin, name = [], self.model
        if self.model == "stateful":
            plugin, name = ["--plugin", str(HERE / "stateful.py")], "infogan"
            settings |= STATEFUL
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        run = ["ganzoo", *plugin, "run", name, "--steps", str(self.steps), "--out", str(out)]
        return [*start, *run, *words]

    @contextmanager
    def started(self, out: Path) -> Iterator[psutil.Popen]:
        """Begin or continue the run in ``out``; what is left of it at the end is killed."""
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "true",
            "GANZOO_CACHE": str(out.with_suffix(".cache")),
        }
        with out.with_suffix(".log").open("w") as log:
            process = psutil.Popen(self.command(out), env=environment, stdout=log, stderr=log)
            try:
                yield process
            finally:
                kill(process)

    def finish(self, out: Path) -> None:
        """Run to the end."""
        with self.started(out) as process:
            # A run that has trained all its turns, and was killed after them, is refused.
            if process.wait() and last_step(out) < self.steps:
                raise failure(out)

    def begin_and_kill(self, out: Path, moment: Moment, dice: np.random.Generator) -> Kill | None:
        """Begin or continue, and kill; None if the run came to its end before."""
        begun, run = time.monotonic(), RunFolder(out)
        before = unfinished(run)
        with self.started(out) as process:

            def until(condition: Callable[[], bool]) -> None:
                while process.poll() is None and not condition():
                    time.sleep(0.0005)

            def waited(seconds: float) -> Callable[[], bool]:
                end = time.monotonic() + seconds
                return lambda: time.monotonic() > end

            def grown(size: int) -> Callable[[], bool]:
                return lambda: size_of(run.metrics) != size

            if moment == "any":
                until(waited(dice.uniform(0, 4 + 4 * self.processes)))
            else:
                for _ in range(dice.integers(1, 6)):
                    until(grown(size_of(run.metrics)))
                until(waited(dice.uniform(0, 0.5)))
            if moment == "checkpoint":
                until(lambda: bool(unfinished(run) - before))
                until(waited(dice.uniform(0, 0.005)))
            if (code := process.poll()) is not None:
                if code and last_step(out) < self.steps:
                    raise failure(out)
                return None
            kill(process)
        seconds = round(time.monotonic() - begun, 2)
        return Kill(moment, seconds, last_step(out), len(unfinished(run) - before))


def failure(out: Path) -> SystemExit:
    """A run that ended by itself, and not well."""
    return SystemExit(f"a run failed:\n{out.with_suffix('.log').read_text()}")


def kill(process: psutil.Popen) -> None:
    """SIGKILL for a process and all below it: the launcher starts each in a group of its own."""
    try:
        everyone = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for each in everyone:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(everyone)


def last_step(out: Path) -> int:
    """The step of the newest whole checkpoint; 0 if there is none."""
    found, _ = checkpoint.newest(RunFolder(out).checkpoints)
    return 0 if found is None else found.step


def size_of(path: Path) -> int:
    """Bytes in a file; 0 if it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def unfinished(run: RunFolder) -> set[int]:
    """The folders, by their number on the disk, of checkpoints that are being written."""
    try:
        return {
            entry.inode()
            for entry in os.scandir(run.checkpoints)
            if entry.name.endswith(PARTIAL) and entry.name.startswith(".step-")
        }
    except FileNotFoundError:
        return set()


def compare(straight: Path, tortured: Path) -> list[str]:
    """A line for everything in which two runs differ."""
    found = []
    names = [
        {
            str(path.relative_to(run))
            for path in run.rglob("*")
            if path.is_file() and "checkpoints" not in path.parts
        }
        - {"scores.json"}
        for run in (straight, tortured)
    ]
    found += [f"{name}: only in one of both" for name in sorted(names[0] ^ names[1])]
    for name in sorted((names[0] & names[1]) - OTHERWISE):
        if (straight / name).read_bytes() != (tortured / name).read_bytes():
            found.append(f"{name}: other bytes")
    found += [
        f"metrics.jsonl: {line}" for line in differences(*map(timeless, (straight, tortured)))
    ]
    kept = [checkpoint.all_whole(RunFolder(run).checkpoints) for run in (straight, tortured)]
    if [each.step for each in kept[0]] != [each.step for each in kept[1]]:
        return [*found, "checkpoints: not of the same turns"]
    for one, other in zip(*kept, strict=True):
        lines = differences(checkpoint.read_shared(one), checkpoint.read_shared(other))
        for rank in range(one.world_size):
            ranks = (checkpoint.read_rank(each, rank) for each in (one, other))
            lines += [f"rank {rank}: {line}" for line in differences(*ranks)]
        found += [f"{one.path.name}: {line}" for line in lines]
    return found


def timeless(run: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl says, without clock times."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{key: line[key] for key in line.keys() - set(CLOCKS)} for line in lines]


def torture(victim: Victim, kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run once without and once with kills, and give the outcome as JSON."""
    dice = np.random.default_rng(seed)
    straight, tortured = folder / "straight", folder / "tortured"
    done: list[Kill] = []
    moments: Iterator[Moment] = cycle(("any", "turns", "checkpoint"))
    while len(done) < kills:
        one = victim.begin_and_kill(tortured, next(moments), dice)
        if one is None:
            break
        done.append(one)
        print(f"  kill {len(done):2}  {one}", file=sys.stderr, flush=True)
    victim.finish(tortured)
    victim.finish(straight)
    environment = json.loads((straight / "environment.json").read_text())
    return {
        **asdict(victim),
        "seed": seed,
        "device": environment["device_name"],
        "versions": environment["versions"],
        "kills": [asdict(each) for each in done],
        "differing": compare(straight, tortured),
    }


def row(outcome: dict[str, Any]) -> str:
    """One line of a table."""
    kills = outcome["kills"]
    aims = Counter(each["aimed_at"] for each in kills)
    inside = sum(each["unfinished"] for each in kills)
    words = ", ".join(f"{count} at {aim}" for aim, count in aims.items())
    verdict = "; ".join(outcome["differing"][:3]) or "identical"
    return (
        f"| {outcome['model']} | {outcome['processes']} | {outcome['precision']} "
        f"| {len(kills)} ({words}), {inside} left a half-written checkpoint "
        f"| {outcome['steps']:,} | {verdict} |"
    )


def main() -> None:
    """Read the command line, torture, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", choices=("dcgan", "infogan", "stateful"), default="dcgan")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--write", action="store_true", help=f"keep the outcome in {RESULTS.name}/")
    asked = parser.parse_args()
    victim = Victim(asked.model, asked.processes, asked.precision, asked.steps)
    with tempfile.TemporaryDirectory() as folder:
        outcome = torture(victim, asked.kills, asked.seed, Path(folder))
    if asked.write:
        RESULTS.mkdir(parents=True, exist_ok=True)
        name = f"{asked.model}-{asked.processes}-{asked.precision}.json"
        (RESULTS / name).write_text(json.dumps(outcome, indent=1) + "\n")
    print(row(outcome))
    raise SystemExit(1 if outcome["differing"] else 0)


if __name__ == "__main__":
    main()
