"""What a turn of ganzoo costs beside its arithmetic: tiny networks, against a plain loop.

    python benchmarks/overhead.py [--write]

Arithmetic takes next to nothing here, so what differs is the host's own work in each turn. A
report, which comes every ``train.report_every`` turns, is timed apart. ``--write`` keeps the result
in docs/results/performance/.
"""

from __future__ import annotations

import statistics
import time

import torch
from alternation import KINDS, about, alternate, excess_of, hand_over, milliseconds_of, parser, say
from pair import Pair
from reference import Widths

from ganzoo.divergence import broken
from ganzoo.stopwatch import synchronise

TINY = Widths(dense=16, few=4, many=8, reader=16)
SETTINGS = ["train.batch_size=8", "train.precision=fp32", "data.limit=2000"]
WARM_UP = 20
REPORTS = 21


def time_report(pair: Pair) -> float:
    """Milliseconds of a report, the median: figures fetched, and every tensor looked at."""
    times = []
    for _ in range(REPORTS):
        pair.trainer.turn()
        synchronise(pair.device)  # else the report would also wait for the turn
        begun = time.perf_counter()
        broken(pair.trainer.tensors(), pair.trainer.accelerator)
        pair.trainer.collect()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    """Parse the command line, time and tell."""
    given = parser(__doc__, rounds=25, turns=30).parse_args()
    torch.set_num_threads(given.threads)
    pair = Pair.of(TINY, SETTINGS)
    rounds = alternate(pair.turns, given.turns, given.rounds, pair.device, WARM_UP)
    report, every = time_report(pair), pair.trainer.train.report_every
    document = {
        "parameters": pair.parameters()["ganzoo"],
        "turns_a_window": given.turns,
        "extra_ms_a_turn": {kind: excess_of(rounds, "ganzoo", "reference", kind) for kind in KINDS},
        "ms_a_turn": {name: milliseconds_of(rounds, name, "cpu") for name in pair.turns},
        "ms_a_report": report,
        "report_every": every,
        "rounds": rounds,
        "environment": about(pair.task),
    }
    if not given.json:
        for name, spread in document["ms_a_turn"].items():
            print(f"  {name:<10} {say(spread, 2)} ms of CPU time a turn")
        for kind, spread in document["extra_ms_a_turn"].items():
            print(f"  ganzoo takes {say(spread, 2)} ms more a turn ({kind})")
        print(
            f"  a report takes {report:.2f} ms, every {every} turns: {report / every:.3f} ms a turn"
        )
    hand_over(f"overhead-{pair.device.type}", document, given)


if __name__ == "__main__":
    main()
