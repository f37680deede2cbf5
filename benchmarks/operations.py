"""What a turn of InfoGAN on MNIST spends its time on, and the least that this machine would need.

    python benchmarks/operations.py [--threads 1] [--precision fp32|bf16] [--share-fakes] [--write]

The least is the time of the turn's products and convolutions at the rate of large matrix products,
and that which Adam took, which memory bounds. It is held against turns without a profiler; profiled
ones only say what shares the time. Each is profiled by itself: what a profiler records over several
turns comes to lie between their blocks, so that the next turn gets pages from the system anew.
``--write`` keeps the result in docs/results/performance/.
"""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

import torch
from alternation import about, hand_over, parser, say, time_window
from pair import Pair, add_options
from torch.profiler import ProfilerActivity, profile

from ganzoo.conditions import training_conditions
from ganzoo_workbench.machine import MatrixProduct
from ganzoo_workbench.operations import OperationCounter
from ganzoo_workbench.quartiles import Quartiles

if TYPE_CHECKING:
    from ganzoo.training import Trainer

KINDS = {
    "convolutions, backwards": ("aten::convolution_backward",),
    "convolutions, forwards": (
        "aten::convolution",
        "aten::mkldnn_convolution",
        "aten::_convolution",
        "aten::_slow_conv2d_forward",
        "aten::slow_conv_transpose2d",
    ),
    "products of dense layers": ("aten::mm", "aten::addmm"),
    "casts and copies": ("aten::copy_",),
    "Adam": ("aten::_fused_adam_", "aten::_fused_adamw_"),
    "BatchNorm": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "non-linearities": (
        "aten::leaky_relu",
        "aten::leaky_relu_backward",
        "aten::clamp_min",
        "aten::threshold_backward",
        "aten::sigmoid",
        "aten::sigmoid_backward",
    ),
}
REST = "all else"
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
WARM_UP = 5


class CounterByKind(OperationCounter):  # type: ignore[no-untyped-call]
    """Tells the kinds of operations apart."""

    def __init__(self) -> None:
        super().__init__()
        self.by_kind: Counter[str] = Counter()

    def add(self, operation: str, count: int) -> None:
        """Add it to its kind as well."""
        super().add(operation, count)
        self.by_kind[KIND_OF[operation.replace(".", "::")]] += count


def profiled(trainer: Trainer) -> dict[str, float]:
    """Milliseconds of one turn by kind of operation."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        trainer.turn()
    found = dict.fromkeys((*KINDS, REST), 0.0)
    for event in record.key_averages():
        found[KIND_OF.get(event.key, REST)] += event.self_cpu_time_total / 1000
    return found


def main() -> None:
    """Parse the command line, time and tell."""
    options = parser(__doc__, rounds=11, turns=4)
    add_options(options)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    pair = Pair.as_given(given)
    trainer, device = pair.trainer, pair.device
    if device.type != "cpu":
        raise SystemExit("only turns on the CPU are profiled")
    with CounterByKind() as counter:
        trainer.turn()
    product = MatrixProduct(device, given.precision)
    turns, rates, rounds = [], [], []
    with training_conditions(device):
        time_window(trainer.turn, WARM_UP, device)
        for _ in range(given.rounds):
            turns.append(time_window(trainer.turn, given.turns, device).wall * 1000)
            rates.append(product.rate())
            rounds.append(profiled(trainer))
            time_window(trainer.turn, 1, device)  # what the profiler took is given back in it
    kinds = {kind: statistics.median(each[kind] for each in rounds) for kind in rounds[0]}
    rate = statistics.median(rates)
    least = [
        counter.total / rate * 1000 + each["Adam"] for rate, each in zip(rates, rounds, strict=True)
    ]
    document = {
        "share_fakes": given.share_fakes,
        "turns_a_window": given.turns,
        "flop": counter.total,
        "matrix_rate": Quartiles.of(rates),
        "ms_a_turn": Quartiles.of(turns),
        "least_ms": Quartiles.of(least),
        "ratio": Quartiles.of([turn / low for turn, low in zip(turns, least, strict=True)]),
        "profiled_ms": kinds,
        "least_ms_by_kind": {kind: flop / rate * 1000 for kind, flop in counter.by_kind.items()}
        | {"Adam": kinds["Adam"]},
        "rounds": rounds,
        "environment": about(pair.task),
    }
    if not given.json:
        print(f"  a turn {say(document['ms_a_turn'], 1)} ms, {counter.total / 1e9:.1f} GFLOP")
        print(f"  the least {say(document['least_ms'], 1)} ms; ratio {say(document['ratio'], 2)}")
        for kind, milliseconds in kinds.items():
            share = milliseconds / sum(kinds.values())
            least_of_it = document["least_ms_by_kind"].get(kind)
            words = f", at least {least_of_it:.1f} ms" if least_of_it else ""
            print(f"    {kind:<26}{milliseconds:7.1f} ms {share:6.1%}{words}")
    hand_over(pair.name("operations", given), document, given)


if __name__ == "__main__":
    main()
