"""The small convolutional network behind classifiers and probes, and how it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.metrics.progress import tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FEATURES = 128
"""Units of the last hidden layer."""

_FIRST, _MOST = 16, 64
"""Channels of the first stage, and the most that a later one has."""

_SIDE = 8
"""Stages halve the image until neither side is longer."""

_RATE = 3e-3
_BATCH = 128


class SmallNetwork(nn.Module):
    """Stages of convolution and halving, then :data:`FEATURES` ReLU units and a linear head."""

    def __init__(self, shape: tuple[int, int, int], outputs: int) -> None:
        super().__init__()
        channels, height, width = shape
        body: list[nn.Module] = []
        wider = _FIRST
        while not body or max(height, width) > _SIDE:
            body += [
                nn.Conv2d(channels, wider, 3, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
            height, width = -(-height // 2), -(-width // 2)
            channels, wider = wider, min(2 * wider, _MOST)
        self.body = nn.Sequential(*body, nn.Flatten())
        self.hidden = nn.Linear(channels * height * width, FEATURES)
        self.head = nn.Linear(FEATURES, outputs)

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, (n, :data:`FEATURES`), of images (n, C, H, W) in [0, 1]."""
        return self.hidden(self.body(images - 0.5)).relu()  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """Outputs (n, ``outputs``) of images (n, C, H, W) in [0, 1]."""
        return self.head(self.features(images))  # type: ignore[no-any-return]

    @torch.no_grad()
    def scale_features(self, images: Tensor) -> None:
        """Make the mean square of the features of ``images`` 1, and leave the outputs as they are.

        So distances between features mean about the same whatever the seed of the network.
        """
        size = self.features(images).square().mean().sqrt().clamp(min=1e-6)
        # ReLU commutes with a positive factor.
        self.hidden.weight.div_(size)
        self.hidden.bias.div_(size)
        self.head.weight.mul_(size)


def make_network(
    shape: tuple[int, int, int], outputs: int, *, seed: int, device: torch.device
) -> SmallNetwork:
    """A fresh network whose weights depend on ``seed`` alone."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed those of GPUs as well, which nobody puts back.
        torch.default_generator.manual_seed(seed)
        return SmallNetwork(shape, outputs).to(device)


def fit(
    network: SmallNetwork,
    loss: Callable[[Tensor], Tensor],
    count: int,
    *,
    epochs: int,
    generator: torch.Generator,
    what: str,
) -> None:
    """Train with Adam under one cycle of the learning rate, and leave the network frozen.

    ``loss`` takes the places (n,) of a batch among ``count`` training images; ``what`` is told to a
    person who waits.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    steps = epochs * steps_of_an_epoch(count)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    network.train()
    with torch.enable_grad():
        for places in tracked(_batches(count, epochs, generator), what, steps):
            optimiser.zero_grad(set_to_none=True)
            loss(places).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    network.eval().requires_grad_(requires_grad=False)


def steps_of_an_epoch(count: int) -> int:
    """Batches in ``count`` images."""
    return -(-count // _BATCH)


def _batches(count: int, epochs: int, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(epochs):
        yield from torch.split(torch.randperm(count, generator=generator), _BATCH)
