"""What it saves that a training on the CPU keeps freed memory for its next turn.

    python benchmarks/freed.py [--threads 1] [--precision fp32|bf16] [--write]

Processes that keep it alternate with processes that do not: in a single one, the order in which
blocks came to lie would decide. Each times some turns of ``infogan/mnist``. ``--write`` keeps the
result in docs/results/performance/.
"""

from __future__ import annotations

import json
import resource
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from alternation import Timing, about, hand_over, in_processes, parser, ratio_of, say, time_window
from variants import task_of

from ganzoo.freed import freed_memory_kept
from ganzoo_workbench.throughput import WARM_UP, make_trainer

if TYPE_CHECKING:
    import argparse

WAYS = ("kept", "given back")


def time_turns(given: argparse.Namespace) -> dict[str, float]:
    """Seconds of a turn in this process, and pages that the system handed out in it."""
    trainer = make_trainer(task_of([f"train.precision={given.precision}"]))
    device = trainer.accelerator.device
    with freed_memory_kept(device) if given.only == "kept" else nullcontext():
        time_window(trainer.turn, WARM_UP, device)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        timing = time_window(trainer.turn, given.turns, device)
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return {"wall": timing.wall, "cpu": timing.cpu, "pages": pages / given.turns}


def main() -> None:
    """Parse the command line, time and tell."""
    options = parser(__doc__, rounds=5, turns=20, each="process")
    options.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    options.add_argument("--only", choices=WAYS, help="time this one here, and print it")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    if given.only:
        print(json.dumps(time_turns(given)))
        return
    found = in_processes(WAYS, given.rounds)
    rounds = [{way: Timing(each[way]["wall"], each[way]["cpu"]) for way in WAYS} for each in found]
    pages = {way: [each[way]["pages"] for each in found] for way in WAYS}
    ratio = ratio_of(rounds, "kept", "given back")
    task = task_of([f"train.precision={given.precision}"])
    document = {
        "turns_a_process": given.turns,
        "ratio": ratio,
        "pages_from_the_system_a_turn": pages,
        "rounds": rounds,
        "environment": about(task),
    }
    if not given.json:
        print(f"  time with freed memory kept over that without: {say(ratio, 3)}")
        for way, counts in pages.items():
            print(f"  {way}: {min(counts):,.0f} to {max(counts):,.0f} pages from the system a turn")
    hand_over(f"freed-cpu-{given.precision}-{given.threads}", document, given)


if __name__ == "__main__":
    main()
