"""The trainings behind docs/results.md: what is missing is run, what is there is kept.

    python benchmarks/plan.py status
    python benchmarks/plan.py train --runs FOLDER [GROUP ...] [--seeds 1 2 3]
    python benchmarks/plan.py tables [GROUP ...]

``train`` works through plan.toml from the top, one run after the other. It may be stopped at any
time: an unfinished run goes on where it was, and a finished one leaves a small file of scores,
docs/results/runs/GROUP-SEED.json, which is what counts as done and is committed. ``tables`` prints
every seed of a group, then mean, standard deviation and the ends.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine

HERE = Path(__file__).parent
RESULTS = HERE.parent / "docs" / "results" / "runs"
RESTS_ON = (
    *("metric", "n", "split", "ema", "step", "data", "images", "n_real", "real", "extractor"),
    *("matched_on", "matched_n", "protocol"),
)
"""What is kept of where a score comes from."""
EVERY_RUN = ("train.keep_checkpoints=1", "train.report_every=25")


@dataclass(frozen=True)
class Job:
    """One training: a group's command with one seed."""

    group: str
    command: str
    seed: int
    images: int
    """Of how many images the scores are, at most."""
    metrics: tuple[str, ...]
    """What is scored beside the scorecard of the training; all if empty."""

    @property
    def result(self) -> Path:
        """Where its scores go."""
        return RESULTS / f"{self.group}-{self.seed}.json"

    @property
    def line(self) -> str:
        """The command as a person would type it."""
        return f"ganzoo run {self.command} --seed {self.seed}"


def read_plan(groups: list[str], seeds: list[int] | None = None) -> list[Job]:
    """The jobs of these groups, or of all, in the order of the plan."""
    plan: dict[str, Any] = tomllib.loads((HERE / "plan.toml").read_text())
    if unknown := set(groups) - set(plan):
        raise SystemExit(f"no group {min(unknown)!r}; there are {', '.join(plan)}")
    return [
        Job(
            name,
            group["command"],
            seed,
            group.get("images", 10_000),
            tuple(group.get("metrics", ())),
        )
        for name, group in plan.items()
        if not groups or name in groups
        for seed in seeds or group["seeds"]
    ]


def train(jobs: list[Job], runs: Path) -> None:
    """Run what has no scores yet."""
    for job in jobs:
        if job.result.exists():
            continue
        out = runs / f"{job.group}-{job.seed}"
        if not (out / "scores.json").exists():
            settings = [word for setting in EVERY_RUN for word in ("--set", setting)]
            ganzoo(
                "run",
                *shlex.split(job.command),
                "--seed",
                str(job.seed),
                *settings,
                "--out",
                str(out),
            )
        chosen = [word for metric in job.metrics for word in ("--metric", metric)]
        ganzoo("eval", str(out), "--images", str(job.images), *chosen)
        RESULTS.mkdir(parents=True, exist_ok=True)
        job.result.write_text(json.dumps(summary(job, out), indent=1) + "\n")


def ganzoo(*words: str) -> None:
    """Run a command of ganzoo and say which."""
    print("ganzoo", *words, flush=True)
    subprocess.run([sys.executable, "-m", "ganzoo", *words], check=True)


def summary(job: Job, run: Path) -> dict[str, Any]:
    """What is kept of a run: its scores, and what it takes to trust them."""
    scores = json.loads((run / "scores.json").read_text())
    environment = json.loads((run / "environment.json").read_text())
    reports = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rates = [line["images_per_second"] for line in reports if line["images_per_second"]]
    return {
        "command": job.line,
        "device": environment["device_name"],
        "machine": machine(),
        "precision": environment["precision"],
        "images_per_second": round(statistics.median(rates), 1) if rates else None,
        "versions": environment["versions"],
        "model": scores["model"],
        "scores": {name: round(score["value"], 5) for name, score in scores["scores"].items()},
        "standard_errors": {
            name: round(score["standard_error"], 5)
            for name, score in scores["scores"].items()
            if "standard_error" in score
        },
        "scored": provenance(scores["scores"]),
    }


def provenance(scores: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """On what scores rest, each entry with the names of those that rest on the same."""
    groups: dict[str, dict[str, Any]] = {}
    for name, score in scores.items():
        rests_on = {key: score[key] for key in RESTS_ON if score.get(key) is not None}
        groups.setdefault(json.dumps(rests_on), rests_on | {"scores": []})["scores"].append(name)
    return list(groups.values())


def print_tables(jobs: list[Job], wanted: list[str]) -> None:
    """Print the scores of each group, a row for each seed."""
    groups: dict[str, dict[int, dict[str, float]]] = {}
    precisions: dict[str, dict[str, list[int]]] = {}
    for job in jobs:
        if job.result.exists():
            kept = json.loads(job.result.read_text())
            groups.setdefault(job.group, {})[job.seed] = kept["scores"]
            alike = precisions.setdefault(job.group, {}).setdefault(kept["precision"], [])
            alike.append(job.seed)
    for group, seeds in groups.items():
        columns = [name for name in wanted if all(name in scores for scores in seeds.values())]
        columns = columns or sorted(set.intersection(*(set(scores) for scores in seeds.values())))
        print(f"\n{group}\n\n| seed | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
        for seed, scores in sorted(seeds.items()):
            print(row(str(seed), [scores[name] for name in columns]))
        values = [[scores[name] for scores in seeds.values()] for name in columns]
        print(row("mean", [statistics.mean(column) for column in values]))
        if len(seeds) > 1:
            print(row("sd", [statistics.stdev(column) for column in values]))
        print(row("min", [min(column) for column in values]))
        print(row("max", [max(column) for column in values]))
        if len(precisions[group]) > 1:
            told = (f"{name} ({', '.join(map(str, of))})" for name, of in precisions[group].items())
            print(f"\nNot of one precision: {', '.join(told)}")


def row(name: str, values: list[float]) -> str:
    """A line of a Markdown table."""
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |"


def print_status(jobs: list[Job]) -> None:
    """Print which seeds of each group are done, and which of them by another command than now."""
    for group in dict.fromkeys(job.group for job in jobs):
        own = [job for job in jobs if job.group == group]
        done = [job for job in own if job.result.exists()]
        seeds = (f"{job.seed}{'' if is_of_the_plan(job) else '*'}" for job in done)
        print(f"{group:<24} {len(done)} of {len(own)}  {' '.join(seeds)}")
    print("* by the command in its file, which is not the plan's any more, or spells it out")


def is_of_the_plan(job: Job) -> bool:
    """Whether the scores that are kept came of the command that the plan has."""
    return bool(json.loads(job.result.read_text())["command"] == job.line)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("status", "train", "tables"))
    parser.add_argument("groups", nargs="*", help="groups of plan.toml; all if left out")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the plan's")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs are kept")
    parser.add_argument("--scores", nargs="+", default=[], help="columns of the tables")
    given = parser.parse_intermixed_args()  # groups may stand after the options
    jobs = read_plan(given.groups, given.seeds)
    match given.what:
        case "status":
            print_status(jobs)
        case "train":
            train(jobs, given.runs)
        case "tables":
            print_tables(jobs, given.scores)


if __name__ == "__main__":
    main()
