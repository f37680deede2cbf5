"""What a turn costs as images, batches and processes grow, and what pictures and saving add.

    python benchmarks/scaling.py [--turns N] [--write]

Trains DCGAN's preset `images` on made-up pictures, and InfoGAN's preset `mnist` with pictures and
checkpoints every few turns. ``--write`` keeps the figures in docs/results/performance/scaling.json
and draws docs/figures/scaling.png.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from PIL import Image

from ganzoo.discovery import discover
from ganzoo.environment import trained_in
from ganzoo.folder import ENVIRONMENT
from ganzoo.plan import Request, make_plan
from ganzoo.registry import Registry
from ganzoo_workbench.quartiles import Quartiles

DOCS = Path(__file__).parent.parent / "docs"
RESULT = DOCS / "results" / "performance" / "scaling.json"
FIGURE = DOCS / "figures" / "scaling.png"
CASES = (
    [(side, 16, 1) for side in (32, 64, 128)]
    + [(32, batch, 1) for batch in (8, 32, 64, 128)]
    + [(64, 8, 1), (32, 64, 2), (64, 16, 2)]
)
"""Size, global batch, processes."""
WINDOWS = 5
"""That are counted of each case."""
OBSERVER = """
import json, os, resource, time
from pathlib import Path
from ganzoo import hookimpl
from ganzoo.reporting import Observer

class Clock(Observer):
    def __init__(self):
        self.last, self.took = time.perf_counter(), {}

    def started(self, run):
        self.last = time.perf_counter()

    def _done(self, what):
        now = time.perf_counter()
        self.took.setdefault(what, []).append(now - self.last)
        self.last = now

    def turned(self, step):
        self._done("turn")

    def reported(self, record):
        self._done("report")

    def pictured(self, step, name, picture):
        self._done("picture")

    def saved(self, step, checkpoint):
        self._done("checkpoint")

    def finished(self, step):
        self.last = time.perf_counter()
        self.took["kilobytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def scored(self, scores):
        self._done("scores")
        Path(os.environ["CLOCK"]).write_text(json.dumps(self.took))

@hookimpl
def ganzoo_observers(run):
    yield Clock()
"""


@dataclass(frozen=True)
class Cost:
    """What training at one size costs."""

    side: int
    batch: int
    processes: int
    images_per_second: Quartiles
    """Over the windows."""
    megabytes: float
    """The most memory of one process up to its last turn; scores may take more."""


def write_photos(folder: Path, count: int = 256) -> None:
    """Smooth colour pictures of 128 x 128."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        values = generator.integers(0, 255, (9, 9, 3), np.uint8)
        Image.fromarray(values).resize((128, 128)).save(folder / f"{number}.png")


def ganzoo(words: list[str], processes: int, folder: Path) -> dict[str, Any]:
    """Run a command in processes of one thread on the CPU, and give what an observer of it saw."""
    plugin, clock = folder / "clock.py", folder / "clock.json"
    plugin.write_text(OBSERVER)
    clock.unlink(missing_ok=True)
    launch = [sys.executable, "-m", "ganzoo"]
    if processes > 1:
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
        launch += ["--num_processes", str(processes), "--main_process_port", "29611"]
        launch += ["-m", "ganzoo"]
    environment = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "CLOCK": str(clock)}
    subprocess.run(
        [*launch, "--plugin", str(plugin), *words],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seen: dict[str, Any] = json.loads(clock.read_text())
    return seen


def cost(folder: Path, side: int, batch: int, processes: int, turns: int) -> Cost:
    """Train some windows of turns; the first one is not counted."""
    out = folder / f"{side}-{batch}-{processes}"
    settings = {
        "data.size": side,
        "train.batch_size": batch,
        "train.precision": "fp32",
        "train.report_every": turns,
    }
    words = ["run", "dcgan", "--preset", "images", "--data", str(folder / "photos")]
    words += ["--steps", str((1 + WINDOWS) * turns), "--out", str(out)]
    words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    megabytes = ganzoo(words, processes, folder)["kilobytes"] / 1024
    _, *lines = (out / "metrics.jsonl").read_text().splitlines()
    rates = Quartiles.of([json.loads(line)["images_per_second"] for line in lines])
    return Cost(side, batch, processes, rates, round(megabytes))


def extras(folder: Path, turns: int) -> dict[str, Any]:
    """What reports, pictures, checkpoints and scores add to a run of InfoGAN by default.

    Each is timed by an observer in a short run in which they come often; the seconds are then
    counted as often as they come in a run with the defaults.
    """
    every = max(turns // 3, 1)
    settings = [f"train.{name}_every={every}" for name in ("images", "checkpoint", "report")]
    words = ["run", "infogan", "--steps", str(3 * every)]
    words += ["--out", str(folder / "extras")]
    words += [word for setting in settings for word in ("--set", setting)]
    took = ganzoo(words, 1, folder)
    seconds = {
        "turn": statistics.median(took["turn"]),
        "report": statistics.median(took["report"]),
        # A run makes several pictures at a time, and each is told of by itself.
        "pictures": sum(took["picture"]) / 3,
        "checkpoint": statistics.median(took["checkpoint"]),
        "scores": sum(took["scores"]),
    }
    train = make_plan(Request("infogan"), Registry(discover())).settings.train
    times = {
        "turn": train.steps,
        "report": train.steps // train.report_every,
        "pictures": train.steps // train.images_every + 1,
        "checkpoint": train.steps // train.checkpoint_every,
        "scores": 1,
    }
    whole = sum(seconds[name] * times[name] for name in times)
    shares = {name: seconds[name] * times[name] / whole for name in times}
    return {
        "seconds": {name: round(each, 4) for name, each in seconds.items()},
        "times": times,
        "shares": {name: round(share, 5) for name, share in shares.items()},
        "besides_turns": round(1 - shares["turn"], 5),
        "environment": trained_in(folder / "extras" / ENVIRONMENT, 0, 1)[0],
    }


def measure(turns: int) -> dict[str, Any]:
    """All figures."""
    costs = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_photos(folder / "photos")
        for side, batch, processes in CASES:
            costs.append(cost(folder, side, batch, processes, turns))
            print(costs[-1], flush=True)
        added = extras(folder, 10 * turns)
        # All cases are alike but for the number of processes, each of which computes in one thread.
        first = "-".join(str(each) for each in CASES[0])
        environment = trained_in(folder / first / ENVIRONMENT, 0, 1)[0]
    return {
        "machine": machine(),
        "environment": environment,
        "costs": [asdict(each) for each in costs],
        "extras": added,
    }


def print_tables(found: dict[str, Any]) -> None:
    """The figures as Markdown."""
    print("\n| Size | Batch | Processes | Images/s | ms a turn | Memory of a process |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for each in found["costs"]:
        rates = each["images_per_second"]
        print(
            f"| {each['side']} | {each['batch']} | {each['processes']} "
            f"| {rates['median']:,.1f} ({rates['low']:,.1f} to {rates['high']:,.1f}) "
            f"| {1000 * each['batch'] / rates['median']:,.0f} | {each['megabytes']:,.0f} MB |"
        )
    added = found["extras"]
    steps = added["times"]["turn"]
    print(f"\n| In a run of {steps:,} turns | Seconds each | Times | Share |")
    print("| --- | ---: | ---: | ---: |")
    for name, times in added["times"].items():
        share = added["shares"][name]
        print(f"| {name} | {added['seconds'][name]:.3f} | {times:,} | {share:.2%} |")


def draw(found: dict[str, Any], path: Path) -> None:
    """Milliseconds an image against the size, and images a second against the batch."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (by_size, by_batch) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for processes, marker in ((1, "o"), (2, "s")):
        own = [each for each in found["costs"] if each["processes"] == processes]
        sizes = [each for each in own if each["batch"] == 16]
        batches = sorted((each for each in own if each["side"] == 32), key=lambda e: e["batch"])
        label = "1 process" if processes == 1 else f"{processes} processes"
        by_size.plot(
            [each["side"] for each in sizes],
            [1000 / each["images_per_second"]["median"] for each in sizes],
            marker=marker,
            label=label,
        )
        by_batch.plot(
            [each["batch"] for each in batches],
            [each["images_per_second"]["median"] for each in batches],
            marker=marker,
            label=label,
        )
    by_size.set(
        xlabel="height and width (pixels)", ylabel="milliseconds an image", title="batch 16"
    )
    by_size.set_xscale("log", base=2)
    by_size.set_yscale("log")
    by_size.set_xticks([32, 64, 128], ["32", "64", "128"])
    by_batch.set(xlabel="global batch (images)", ylabel="images a second", title="32 x 32 pixels")
    by_batch.set_ylim(0, 1.15 * by_batch.dataLim.y1)
    for axes in (by_size, by_batch):
        axes.grid(alpha=0.3)
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=4, help="turns of a window")
    parser.add_argument("--write", action="store_true", help="keep the figures and draw the plot")
    parser.add_argument("--draw", action="store_true", help="only draw what was kept")
    given = parser.parse_args()
    if given.draw:
        draw(json.loads(RESULT.read_text()), FIGURE)
        return
    found = measure(given.turns)
    print_tables(found)
    if given.write:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n")
        draw(found, FIGURE)


if __name__ == "__main__":
    main()
