"""The paper's MNIST experiment over seeds, and its control (Chen et al. 2016, figure 1).

    python benchmarks/paper_mnist.py train FOLDER --seeds 1 2 3
    python benchmarks/paper_mnist.py collect FOLDER

``train`` runs what is missing in FOLDER, one run after the other, and goes on where it was stopped.
``collect`` writes the scores of every seed to docs/results/mnist.json and prints them as a table,
and draws L_I over updates for InfoGAN and its control to docs/figures/information.png, with the
figures beside it in docs/results/information.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
CONTROL_TURNS = 2000
SCORES = (
    "category_accuracy/digit",
    "nmi/digit",
    "ari/digit",
    "mi_nats/digit",
    "r2/slant",
    "spearman/slant",
    "r2/width",
    "spearman/width",
)


def train(folder: Path, seeds: list[int]) -> None:
    """Run what is not finished yet."""
    plans = [(f"mnist-{seed}", ["--seed", str(seed)]) for seed in seeds]
    control = ["--preset", "mnist-control", "--seed", str(seeds[0]), "--steps", str(CONTROL_TURNS)]
    plans.append((f"control-{seeds[0]}", control))
    for name, options in plans:
        out = folder / name
        if (out / "scores.json").exists():
            print(f"{out} is there already")
            continue
        command = [sys.executable, "-m", "ganzoo", "run", "infogan", "--out", str(out), *options]
        command += ["--set", "train.keep_checkpoints=1", "--set", "train.report_every=25"]
        print(" ".join(command[2:]), flush=True)
        subprocess.run(command, check=True)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def collect(folder: Path) -> None:
    """Write scores, table, curves and plot."""
    runs = sorted(finished(folder, "mnist"), key=lambda run: int(run.name.partition("-")[2]))
    table = {}
    for run in runs:
        environment = read_json(run / "environment.json")
        scores = read_json(run / "scores.json")["scores"]
        table[run.name.partition("-")[2]] = {
            "scores": {name: scores[name]["value"] for name in SCORES},
            "step": scores[SCORES[0]]["step"],
            "images_per_second": median_rate(run),
            "precision": environment["precision"],
            "device": environment["device_name"],
            "versions": environment["versions"],
        }
    (DOCS / "results").mkdir(exist_ok=True)
    (DOCS / "results" / "mnist.json").write_text(json.dumps(table, indent=2) + "\n")
    print_table(table)
    controls = finished(folder, "control")
    if controls:
        draw_information(folder, controls[0])


def finished(folder: Path, kind: str) -> list[Path]:
    """The runs of one kind that have been scored."""
    return sorted(scores.parent for scores in folder.glob(f"{kind}-*/scores.json"))


def median_rate(run: Path) -> float:
    """Median images/s over the windows of the reports."""
    rates = [line["images_per_second"] for line in lines(run) if line["images_per_second"]]
    return round(statistics.median(rates), 1)


def lines(run: Path) -> list[dict[str, Any]]:
    """The reports of a run."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def print_table(table: dict[str, Any]) -> None:
    """Every seed and every score, then mean, standard deviation and the ends."""
    print("| seed | " + " | ".join(SCORES) + " |")
    print("| --- |" + " ---: |" * len(SCORES))
    columns = {name: [entry["scores"][name] for entry in table.values()] for name in SCORES}
    for number, seed in enumerate(table):
        print(f"| {seed} | " + " | ".join(f"{columns[name][number]:.3f}" for name in SCORES) + " |")
    for word, summary in (
        ("mean", statistics.mean),
        ("sd", statistics.stdev),
        ("min", min),
        ("max", max),
    ):
        if len(table) > 1:
            row = " | ".join(f"{summary(columns[name]):.3f}" for name in SCORES)
            print(f"| {word} | {row} |")


def draw_information(folder: Path, control: Path) -> None:
    """L_I of the categorical code over updates, for InfoGAN and the control of the same seed."""
    import matplotlib.pyplot as plt

    seed = control.name.partition("-")[2]
    curves = {}
    for label, run in (("InfoGAN", folder / f"mnist-{seed}"), ("control", control)):
        reports = [line for line in lines(run) if line["step"] <= CONTROL_TURNS]
        curves[label] = {line["step"]: round(line["mi_nats/digit"], 4) for line in reports}
    content = {"seed": int(seed), "mi_nats/digit": curves}
    (DOCS / "results" / "information.json").write_text(json.dumps(content, indent=2) + "\n")
    print("\n| updates | InfoGAN | control |\n| ---: | ---: | ---: |")
    for step in (25, 100, 250, 500, 1000, 1500, 2000):
        print(f"| {step} | {curves['InfoGAN'][step]:.3f} | {curves['control'][step]:.3f} |")

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.axhline(2.302585, color="0.6", linewidth=1, linestyle="--")
    axes.text(CONTROL_TURNS, 2.33, "H(c) = 2.303 nats", ha="right", va="bottom", color="0.4")
    for (label, curve), colour in zip(curves.items(), ("tab:blue", "tab:orange"), strict=True):
        axes.plot(list(curve), list(curve.values()), label=label, color=colour)
    axes.set(xlabel="updates", ylabel="L_I of the categorical code (nats)", ylim=(-0.3, 2.6))
    axes.legend(loc="center right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(DOCS / "figures" / "information.png", dpi=160)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "collect"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    if given.what == "train":
        train(given.folder, given.seeds)
    else:
        collect(given.folder)


if __name__ == "__main__":
    main()
