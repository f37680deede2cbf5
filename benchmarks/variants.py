"""What was tried to make turns of InfoGAN on MNIST faster, each against the training as it is.

    python benchmarks/variants.py [--threads 1] [--only shared channels_last ...] [--write]
    python benchmarks/variants.py --only compiled

``compiled`` needs a C++ compiler, or Triton on a GPU, and some minutes before its first turn, so it
is tried by itself. ``--write`` keeps the result in docs/results/performance/, that of a part of the
variants under a name of its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from alternation import KINDS, Turn, about, alternate, hand_over, parser, ratio_of, say
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.discovery import discover
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.settings import Assignment
from ganzoo.task import Task, prepare
from ganzoo_workbench.throughput import make_trainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.training import Trainer

VARIANTS = ("shared", "channels_last", "products", "unfused")


class Unfolded(nn.Conv2d):
    """A convolution as a product of patches: kernel 4, stride 2, padding 1."""

    def forward(self, maps: Tensor) -> Tensor:
        """(n, in_channels, H, W) to (n, out_channels, H / 2, W / 2)."""
        patches = functional.pad(maps, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2)
        patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(3)
        return functional.linear(patches, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Folded(nn.ConvTranspose2d):
    """An up-convolution as a product and a sum of overlapping patches, of the same geometry."""

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(n, in_channels, H, W) to (n, out_channels, 2 H, 2 W)."""
        height, width = maps.shape[2:]
        patches = maps.permute(0, 2, 3, 1).flatten(1, 2) @ self.weight.flatten(1)
        size = (2 * height, 2 * width)
        folded = functional.fold(patches.mT, size, kernel_size=4, padding=1, stride=2)
        assert self.bias is not None
        return folded + self.bias.view(1, -1, 1, 1)


class ChannelsLast(nn.Module):
    """Maps as they are, in another layout, which convolutions then keep."""

    def forward(self, maps: Tensor) -> Tensor:
        """(n, C, H, W) of the same shape."""
        return maps.contiguous(memory_format=torch.channels_last)


def thin_as_products(networks: Mapping[str, nn.Module]) -> None:
    """The two convolutions that have one map on a side as products, all maps channels-last."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    *_, last = (m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d))
    first = next(m for m in discriminator.modules() if isinstance(m, nn.Conv2d))
    last.__class__, first.__class__ = Folded, Unfolded
    layers = generator.get_submodule("layers")
    assert isinstance(layers, nn.Sequential)
    place = next(place for place, m in enumerate(layers) if isinstance(m, nn.Unflatten))
    layers.insert(place + 1, ChannelsLast())


def task_of(settings: list[str]) -> Task:
    """The preset ``infogan/mnist``."""
    assignments = [Assignment.parse(text) for text in settings]
    return prepare(Registry(discover()), Request("infogan", "mnist", (), assignments))


def make_variant(name: str, settings: list[str]) -> Trainer:
    """One of the variants, ``compiled``, or ``as_it_is``."""
    task = task_of([*settings, "train.share_fakes=true"] if name == "shared" else settings)
    networks = task.plan.assembly.networks
    if name == "channels_last":
        for network in networks.values():
            network.to(memory_format=torch.channels_last)
    if name == "products":
        thin_as_products(networks)
    if name == "compiled":
        for network in networks.values():
            network.compile()
    trainer = make_trainer(task)
    if name == "unfused":
        for optimiser in trainer.optimisers.values():
            for group in optimiser.param_groups:
                group["fused"], group["foreach"] = None, False
    return trainer


def main() -> None:
    """Parse the command line, time and tell."""
    options = parser(__doc__, rounds=9, turns=4)
    options.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    options.add_argument("--only", nargs="+", choices=[*VARIANTS, "compiled"], default=VARIANTS)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    settings = [f"train.precision={given.precision}"]
    trainers = {name: make_variant(name, settings) for name in ("as_it_is", *given.only)}
    device, first_turn = trainers["as_it_is"].accelerator.device, {}
    for name, trainer in trainers.items():
        begun = time.perf_counter()
        trainer.turn()
        trainer.collect()
        first_turn[name] = time.perf_counter() - begun
    turns: dict[str, Turn] = {name: trainer.turn for name, trainer in trainers.items()}
    rounds = alternate(turns, given.turns, given.rounds, device)
    ratios = {
        name: {kind: ratio_of(rounds, name, "as_it_is", kind) for kind in KINDS}
        for name in given.only
    }
    document = {
        "turns_a_window": given.turns,
        "ratio_to_the_training_as_it_is": ratios,
        "seconds_of_the_first_turn": first_turn,
        "rounds": rounds,
        "environment": about(task_of(settings)),
    }
    if not given.json:
        for name, by_kind in ratios.items():
            words = ", ".join(f"{kind} {say(spread, 3)}" for kind, spread in by_kind.items())
            print(f"  {name:<14} {words}; first turn {first_turn[name]:.0f} s")
    name = f"variants-{device.type}-{given.precision}-{given.threads}"
    part = given.only if tuple(given.only) != VARIANTS else ()
    hand_over("-".join([name, *part]), document, given)


if __name__ == "__main__":
    main()
