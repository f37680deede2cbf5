"""InfoGAN on MNIST: ganzoo against a tight loop in plain PyTorch (reference.py), by turns.

    python benchmarks/side_by_side.py [--threads 1] [--precision fp32|bf16] [--share-fakes]
                                      [--loop-precision fp32|bf16] [--write]

First both take the same turns, from the same weights with the same images and latents, and their
losses are compared. Then windows of the one and of the other are timed. The loop may compute in a
precision of its own. ``--write`` keeps the result in docs/results/performance/.
"""

from __future__ import annotations

import torch
from alternation import (
    KINDS,
    about,
    alternate,
    hand_over,
    images_per_second,
    parser,
    ratio_of,
    say,
    tell_rates,
)
from pair import Pair, add_options

COMPARED = 3
"""Turns whose losses are compared."""
ALIKE = 0.02
"""Relative difference of a loss that rounding explains; in bf16 it is ten times less."""


def main() -> None:
    """Parse the command line, compare, time and tell."""
    options = parser(__doc__, rounds=11, turns=4)
    add_options(options)
    options.add_argument("--loop-precision", choices=["fp32", "bf16"], help="of the loop alone")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    pair = Pair.as_given(given, given.loop_precision)
    parameters = pair.parameters()
    if len(set(parameters.values())) != 1:
        raise SystemExit(f"these are not the same networks: {parameters}")
    disagreement = pair.disagreement(COMPARED)
    if not disagreement < ALIKE:
        raise SystemExit(f"these do not compute the same: losses differ by {disagreement:.1e}")
    rounds = alternate(pair.turns, given.turns, given.rounds, pair.device)
    size = pair.trainer.train.batch_size
    document = {
        "parameters": parameters["ganzoo"],
        "largest_relative_difference_of_a_loss": disagreement,
        "compared_turns": COMPARED,
        "batch_size": size,
        "share_fakes": given.share_fakes,
        "loop_precision": given.loop_precision or given.precision,
        "turns_a_window": given.turns,
        "ratio": {kind: ratio_of(rounds, "ganzoo", "reference", kind) for kind in KINDS},
        "images_per_second": images_per_second(rounds, size),
        "rounds": rounds,
        "environment": about(pair.task),
    }
    if not given.json:
        print(f"{parameters['ganzoo']:,} parameters each; largest relative difference of a loss in")
        print(f"{COMPARED} turns with equal weights and draws: {disagreement:.1e}")
        tell_rates(document["images_per_second"])
        for kind, spread in document["ratio"].items():
            print(f"  time of ganzoo over the reference, {kind}: {say(spread, 3)}")
    name = pair.name("side-by-side", given)
    own = f"-loop-{given.loop_precision}" if given.loop_precision else ""
    hand_over(name + own, document, given)


if __name__ == "__main__":
    main()
