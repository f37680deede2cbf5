"""What several seeds at once make of this machine's cores, against one seed after the other.

    python benchmarks/seeds.py [--steps 120] [--rounds 3] [--write]

``ganzoo sweep infogan`` trains as many seeds as there are cores, once with a run on each core and
once one by one with all cores, in turns. The rate is that of all runs which train at a time, from
their reports but the first; starting and scoring do not count. ``--write`` keeps the result in
docs/results/performance/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from machine import machine

from ganzoo.cores import allowed_cores
from ganzoo.environment import trained_in
from ganzoo.folder import ENVIRONMENT
from ganzoo_workbench.quartiles import Quartiles

RESULT = Path(__file__).parent.parent / "docs" / "results" / "performance" / "seeds.json"
REPORTS = 6


def sweep(folder: Path, cores: int, jobs: int, steps: int) -> float:
    """Images a second of all the runs that train at a time."""
    words = [sys.executable, "-m", "ganzoo", "sweep", "infogan", "--seeds", f"0-{cores - 1}"]
    words += ["--steps", str(steps), "--set", f"train.report_every={steps // REPORTS}"]
    words += ["--jobs", str(jobs), "--out", str(folder)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    runs = [rate(path) for path in sorted(folder.glob("*/metrics.jsonl"))]
    assert len(runs) == cores
    return jobs * statistics.mean(runs)


def rate(metrics: Path) -> float:
    """Images a second of one run, the median of its reports but the first."""
    _, *lines = metrics.read_text(encoding="utf-8").splitlines()
    rates = [float(json.loads(line)["images_per_second"]) for line in lines]
    return statistics.median(rates)


def main() -> None:
    """Parse the command line, time and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=120, help="turns of each run")
    parser.add_argument("--rounds", type=int, default=3, help="sweeps of each kind")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULT.name}")
    given = parser.parse_args()
    cores = allowed_cores()
    rates: dict[str, list[float]] = {"at once": [], "one by one": []}
    with tempfile.TemporaryDirectory() as place:
        for number in range(given.rounds):
            for way, jobs in (("at once", cores), ("one by one", 1)):
                folder = Path(place, f"{way}-{number}")
                rates[way].append(sweep(folder, cores, jobs, given.steps))
        environment = trained_in(next(folder.glob(f"*/{ENVIRONMENT}")), 0, 1)[0]
    ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
    found = {
        "machine": machine(),
        "environment": environment,
        "seeds": cores,
        "steps": given.steps,
        "images_per_second": {way: asdict(Quartiles.of(each)) for way, each in rates.items()},
        "rates": rates,
        "ratio": asdict(Quartiles.of(ratios)),
    }
    for way, each in rates.items():
        print(f"  {cores} seeds {way:<10} {', '.join(f'{rate:.0f}' for rate in each)} images/s")
    print(f"  at once over one by one: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    if given.write:
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
