"""L_I over updates for InfoGAN and its control (Chen et al. 2016, figure 1), from two runs.

    python benchmarks/information.py runs/mnist-1 runs/control-1

Prints a table, and writes docs/figures/information.png and docs/results/information.json. The runs
are those of plan.toml, with the same seed.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
TURNS = 2000
SHOWN = (25, 100, 250, 500, 1000, 1500, 2000)


def read_curve(run: Path) -> dict[int, float]:
    """L_I of the digit by turn, the mean over the window of a report."""
    reports = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {
        report["step"]: round(report["mi_nats/digit"], 4)
        for report in reports
        if report["step"] <= TURNS
    }


def print_table(curves: dict[str, dict[int, float]]) -> None:
    """Print the curves at a few turns, as Markdown."""
    print(f"| updates | {' | '.join(curves)} |\n| ---: |{' ---: |' * len(curves)}")
    for step in SHOWN:
        print(f"| {step} | {' | '.join(f'{curve[step]:.3f}' for curve in curves.values())} |")


def draw(curves: dict[str, dict[int, float]], path: Path) -> None:
    """Draw the curves beside the entropy of the code."""
    import matplotlib.pyplot as plt

    entropy = math.log(10)
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.axhline(entropy, color="0.6", linewidth=1, linestyle="--")
    axes.text(TURNS, 2.33, f"H(c) = {entropy:.3f} nats", ha="right", va="bottom", color="0.4")
    for (label, curve), colour in zip(curves.items(), ("tab:blue", "tab:orange"), strict=True):
        axes.plot(list(curve), list(curve.values()), label=label, color=colour)
    axes.set(xlabel="updates", ylabel="L_I of the categorical code (nats)", ylim=(-0.3, 2.6))
    axes.legend(loc="center right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=160)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("infogan", type=Path)
    parser.add_argument("control", type=Path)
    given = parser.parse_args()
    curves = {"InfoGAN": read_curve(given.infogan), "control": read_curve(given.control)}
    content = {"runs": [given.infogan.name, given.control.name], "mi_nats/digit": curves}
    (DOCS / "results" / "information.json").write_text(json.dumps(content, indent=2) + "\n")
    print_table(curves)
    draw(curves, DOCS / "figures" / "information.png")


if __name__ == "__main__":
    main()
