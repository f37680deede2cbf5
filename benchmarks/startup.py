"""How long a person waits: for `ganzoo --help`, and from `ganzoo run` to the first update.

    python benchmarks/startup.py [--repeats N] [--write]

Also says where the seconds go: which packages are imported, and what a run does before its first
update. Runs are made with the data decoded already. ``--write`` keeps the figures in
docs/results/performance/startup.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from machine import machine

from ganzoo.environment import trained_in
from ganzoo.folder import ENVIRONMENT

RESULT = Path(__file__).parent.parent / "docs" / "results" / "performance" / "startup.json"
COMMAND = ("run", "infogan", "--steps", "2")

OBSERVER = """
import os, time
from pathlib import Path
from ganzoo import hookimpl
from ganzoo.reporting import Observer

class Clock(Observer):
    def turned(self, step):
        if step == 1:
            Path(os.environ["FIRST_UPDATE"]).write_text(str(time.time()))
            os._exit(0)

@hookimpl
def ganzoo_observers(run):
    yield Clock()
"""

PHASES = """
import json, sys, time
start = time.time()
took, last = {}, start

def done(name):
    global last
    now = time.time()
    took[name], last = now - last, now

from ganzoo.discovery import discover
from ganzoo.registry import Registry
registry = Registry(discover())
done("find plugins")
import torch
done("import torch")
import datasets
done("import datasets")
import accelerate
done("import accelerate")
from ganzoo import task
from ganzoo.plan import Request, make_plan
from ganzoo.training import Trainer
done("import the rest")
plan = make_plan(Request("infogan"), registry)
done("settings, data and parts")
launched = task.launch("auto", plan.settings.train.batch_size)
done("start accelerate")
images, _ = task.decode_once(plan, launched)
done("open the decoded images")
trainer = Trainer(plan.assembly, images, plan.settings.train, launched.accelerator)
done("optimisers and devices")
trainer.turn()
done("first turn")
print(json.dumps(took))
"""


def help_seconds(repeats: int) -> list[float]:
    """Wall time of `ganzoo --help`, in seconds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ganzoo", "--help"], stdout=subprocess.DEVNULL, check=True
        )
        taken.append(time.perf_counter() - start)
    return taken


def update_seconds(repeats: int, folder: Path) -> list[float]:
    """From the start of the process to the end of the first turn."""
    observer, stamp = folder / "clock.py", folder / "stamp"
    observer.write_text(OBSERVER)
    words = [sys.executable, "-m", "ganzoo", "--plugin", str(observer), *COMMAND]
    taken = []
    for number in range(repeats + 1):
        start = time.time()
        subprocess.run(
            [*words, "--out", str(folder / f"run-{number}")],
            env={**os.environ, "FIRST_UPDATE": str(stamp)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        taken.append(float(stamp.read_text()) - start)
    return taken[1:]  # the first one decodes the images


def phases(repeats: int) -> dict[str, float]:
    """What a run does up to its first update, the median seconds of each part."""
    found = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", PHASES], stdout=subprocess.PIPE, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def imports(folder: Path) -> dict[str, float]:
    """Seconds of importing by top package, for a command up to its first update; the longest 12."""
    words = [sys.executable, "-X", "importtime", "-m", "ganzoo"]
    words += ["--plugin", str(folder / "clock.py"), *COMMAND, "--out", str(folder / "imports")]
    environment = {**os.environ, "FIRST_UPDATE": str(folder / "stamp")}
    done = subprocess.run(
        words,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    microseconds: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        if found := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", line):
            microseconds[found[2]] += int(found[1])
    return {name: round(total / 1e6, 3) for name, total in microseconds.most_common(12)}


def keep_bytecode(folder: Path) -> None:
    """Let Python keep compiled modules, as it does where a package is installed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    help_seconds(1)


def measure(repeats: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        keep_bytecode(folder / "bytecode")
        helps, updates = help_seconds(2 * repeats + 1), update_seconds(repeats, folder)
        return {
            "machine": machine(),
            "environment": trained_in(folder / "run-0" / ENVIRONMENT, 0, 1)[0],
            "help": {"median": round(statistics.median(helps), 3), "all": _rounded(helps)},
            "first_update": {
                "median": round(statistics.median(updates), 2),
                "all": _rounded(updates),
            },
            "phases": {name: round(each, 3) for name, each in phases(repeats).items()},
            "imports": imports(folder),
        }


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def print_tables(found: dict[str, Any]) -> None:
    """The figures as Markdown."""
    print(f"\n`ganzoo --help`: {found['help']['median']:.3f} s")
    print(f"`ganzoo run infogan` to the first update: {found['first_update']['median']:.2f} s\n")
    for title in ("phases", "imports"):
        print(f"| {title} | seconds |\n| --- | ---: |")
        for name, seconds in found[title].items():
            print(f"| {name} | {seconds:.2f} |")
        print()


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="runs to the first update")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULT.name}")
    given = parser.parse_args()
    found = measure(given.repeats)
    print_tables(found)
    if given.write:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
