"""Losses of InfoGAN on MNIST over its first turns: ganzoo in bf16 beside the plain loop in fp32.

    python benchmarks/curves.py [--threads 1] [--precision fp32|bf16] [--turns 200] [--rounds 3]
                                [--write]

Each round has a seed of its own. Both begin with the same weights, and see the same images and
latents; rounding makes two trainings of them. Printed are means over windows of turns, with the
standard deviation over the seeds. ``--write`` keeps the result in docs/results/performance/.
"""

from __future__ import annotations

import statistics

import torch
from alternation import about, hand_over, parser
from pair import LOSSES, Pair
from reference import Widths

A_WINDOW = 50
"""Turns."""
Curve = list[list[float]]
"""The mean of each loss, window by window."""


def curves(seed: int, turns: int, precision: str) -> tuple[Curve, Curve, Pair]:
    """Those of ganzoo and of the loop."""
    settings = [f"train.precision={precision}", f"train.seed={seed}"]
    pair = Pair.of(Widths(), settings, loop_precision="fp32")
    ours, theirs = zip(*pair.losses(turns), strict=True)
    return windows(ours), windows(theirs), pair


def windows(losses: tuple[list[float], ...]) -> Curve:
    """Means over the windows of these turns."""
    parts = [losses[start : start + A_WINDOW] for start in range(0, len(losses), A_WINDOW)]
    return [[statistics.mean(each) for each in zip(*part, strict=True)] for part in parts]


def say(values: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {deviation:.3f}"


def main() -> None:
    """Parse the command line, train and tell."""
    options = parser(__doc__, rounds=3, turns=200, each="seed")
    options.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    found: dict[str, list[Curve]] = {"ganzoo": [], "loop": []}
    for seed in range(given.rounds):
        ours, theirs, pair = curves(seed, given.turns, given.precision)
        found["ganzoo"].append(ours)
        found["loop"].append(theirs)
    document = {
        "seeds": list(range(given.rounds)),
        "turns": given.turns,
        "turns_a_window": A_WINDOW,
        "losses": LOSSES,
        "curves": found,
        "environment": about(pair.task),
    }
    if not given.json:
        print("| Turns | " + " | ".join(f"{loss}: ganzoo, the loop" for loss in LOSSES) + " |")
        print("| --- |" + " --- |" * len(LOSSES))
        for place in range(len(found["loop"][0])):
            cells = [
                ", ".join(say([curve[place][number] for curve in each]) for each in found.values())
                for number in range(len(LOSSES))
            ]
            first, last = place * A_WINDOW + 1, min((place + 1) * A_WINDOW, given.turns)
            print(f"| {first} to {last} | " + " | ".join(cells) + " |")
    name = f"curves-{pair.device.type}-{given.precision}-{given.threads}-loop-fp32"
    hand_over(name, document, given)


if __name__ == "__main__":
    main()
