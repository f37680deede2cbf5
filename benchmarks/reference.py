"""InfoGAN on MNIST as one tight loop in plain PyTorch: what ganzoo is timed against.

    python benchmarks/reference.py [--turns 200] [--precision fp32|bf16] [--share-fakes]

Networks, losses, routing, rates and batch are those of the preset ``infogan/mnist`` (Chen et al.
2016, appendix C.1; q learns with the discriminator), and so is the arithmetic of a step. It does no
more: no settings, no pictures, no checkpoints, no check for numbers that are none.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

MNIST = Path(__file__).parents[1] / "plugins/bundled/ganzoo_bundled/mnist/train.parquet"

NOISE, CATEGORIES, CONTINUOUS = 62, 10, 2
HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)

Precision = Literal["fp32", "bf16"]


class Latents(NamedTuple):
    """What the generator eats, and the codes in it."""

    flat: Tensor
    """(n, 74): noise, the digit one-hot, the continuous codes."""
    digit: Tensor
    """(n,) integers from 0 to 9."""
    continuous: Tensor
    """(n, 2) in [-1, 1]."""


@dataclass(frozen=True)
class Widths:
    """Widths of the networks; those of the paper if left out."""

    dense: int = 1024
    few: int = 64
    """Maps at a side of 14."""
    many: int = 128
    """Maps at a side of 7."""
    reader: int = 128


def make_generator(widths: Widths) -> nn.Module:
    """Latents (n, 74) to images (n, 1, 28, 28) in [0, 1]."""
    return nn.Sequential(
        nn.Linear(NOISE + CATEGORIES + CONTINUOUS, widths.dense),
        nn.BatchNorm1d(widths.dense),
        nn.ReLU(),
        nn.Linear(widths.dense, widths.many * 7 * 7),
        nn.BatchNorm1d(widths.many * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (widths.many, 7, 7)),
        nn.ConvTranspose2d(widths.many, widths.few, 4, stride=2, padding=1),
        nn.BatchNorm2d(widths.few),
        nn.ReLU(),
        nn.ConvTranspose2d(widths.few, 1, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )


def make_trunk(widths: Widths) -> nn.Module:
    """Images to the features (n, dense) that both heads read."""
    return nn.Sequential(
        nn.Conv2d(1, widths.few, 4, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(widths.few, widths.many, 4, stride=2, padding=1),
        nn.BatchNorm2d(widths.many),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(widths.many * 7 * 7, widths.dense),
        nn.BatchNorm1d(widths.dense),
        nn.LeakyReLU(0.1),
    )


def make_reader(widths: Widths) -> nn.Module:
    """Features to ten logits, then mean and log-variance of each continuous code."""
    return nn.Sequential(
        nn.Linear(widths.dense, widths.reader),
        nn.BatchNorm1d(widths.reader),
        nn.LeakyReLU(0.1),
        nn.Linear(widths.reader, CATEGORIES + 2 * CONTINUOUS),
    )


def draw_latents(n: int, device: torch.device) -> Latents:
    """A fresh draw of ``n`` latents."""
    noise = torch.rand(n, NOISE, device=device) * 2 - 1
    digit = torch.randint(CATEGORIES, (n,), device=device)
    continuous = torch.rand(n, CONTINUOUS, device=device) * 2 - 1
    flat = torch.cat([noise, one_hot(digit, CATEGORIES).float(), continuous], dim=1)
    return Latents(flat, digit, continuous)


def information_loss(outputs: Tensor, latents: Latents) -> Tensor:
    """-log Q of the codes, summed over them; the continuous ones with a standard deviation of 1."""
    logits, *gaussians = torch.split(outputs, [CATEGORIES, *[2] * CONTINUOUS], dim=1)
    loss = cross_entropy(logits, latents.digit)
    for place, gaussian in enumerate(gaussians):
        residual = latents.continuous[:, place] - gaussian[:, 0]
        loss = loss + (HALF_LOG_TAU + 0.5 * residual.square()).mean()
    return loss


def initialise(networks: Iterable[nn.Module]) -> None:
    """Weights of std 0.02 around 0, BatchNorm's around 1, biases 0 (DCGAN)."""
    for module in chain.from_iterable(network.modules() for network in networks):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1.0, std=0.02)


class Reference:
    """Networks, optimisers, and the step."""

    def __init__(
        self,
        widths: Widths,
        device: torch.device,
        precision: Precision = "fp32",
        *,
        share_fakes: bool = False,
    ) -> None:
        self.device, self.precision, self.share_fakes = device, precision, share_fakes
        self.generator = make_generator(widths)
        self.trunk, self.head = make_trunk(widths), nn.Linear(widths.dense, 1)
        self.reader = make_reader(widths)
        initialise(self.networks)
        for network in self.networks:
            network.to(device)
        self._critic = [*chain(*(each.parameters() for each in self.networks[1:]))]
        self._critic_optimiser = _adam(self._critic, 2e-4)
        self._generator_optimiser = _adam([*self.generator.parameters()], 1e-3)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The generator, then what the critic's optimiser trains."""
        return self.generator, self.trunk, self.head, self.reader

    def step(self, real: Tensor, draw: Callable[[], Latents]) -> Tensor:
        """Both players' steps on real images (n, 1, 28, 28) in [0, 1].

        Returns the losses (4,): the critic's adversarial and information, then the generator's.
        """
        latents = draw()
        with nullcontext() if self.share_fakes else torch.no_grad(), self._autocast():
            fake = self.generator(latents.flat)
        with self._autocast():
            real_logits = self.head(self.trunk(real))
            features = self.trunk(fake.detach())
            fake_logits, outputs = self.head(features), self.reader(features)
        adversarial = softplus(-real_logits.float()).mean() + softplus(fake_logits.float()).mean()
        information = information_loss(outputs.float(), latents)
        losses = [adversarial.detach(), information.detach()]
        (adversarial + information).backward()  # type: ignore[no-untyped-call]
        self._critic_optimiser.step()
        self._critic_optimiser.zero_grad()

        self._freeze_critic(frozen=True)
        if not self.share_fakes:
            latents = draw()
            with self._autocast():
                fake = self.generator(latents.flat)
        with self._autocast():
            features = self.trunk(fake)
            fake_logits, outputs = self.head(features), self.reader(features)
        adversarial = softplus(-fake_logits.float()).mean()
        information = information_loss(outputs.float(), latents)
        losses += [adversarial.detach(), information.detach()]
        (adversarial + information).backward()  # type: ignore[no-untyped-call]
        self._generator_optimiser.step()
        self._generator_optimiser.zero_grad()
        self._freeze_critic(frozen=False)
        return torch.stack(losses)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _freeze_critic(self, *, frozen: bool) -> None:
        for parameter in self._critic:
            parameter.requires_grad_(not frozen)


def _adam(parameters: list[nn.Parameter], rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=rate, betas=(0.5, 0.999), fused=True)


def batches(images: Tensor, size: int) -> Iterator[Tensor]:
    """Shuffled batches for ever, from uint8 images (N, 1, 28, 28) to floats in [0, 1].

    The remainder of an epoch is dropped.
    """
    for _ in count():
        order = torch.randperm(len(images), device=images.device)
        for indices in torch.split(order, size):
            if len(indices) == size:
                yield images[indices].float().div_(255)


def read_images(path: Path) -> Tensor:
    """uint8 images (N, 1, H, W) from a parquet file with a column ``image`` of PNG."""
    import numpy as np
    from PIL import Image
    from pyarrow.parquet import read_table  # type: ignore[import-untyped]

    rows = read_table(path, columns=["image"])["image"].to_pylist()
    images = [np.asarray(Image.open(io.BytesIO(row["bytes"]))) for row in rows]
    return torch.from_numpy(np.stack(images)).unsqueeze(1)


def main() -> None:
    """Train, and print the mean losses and the time of every 50 turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--share-fakes", action="store_true")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reference = Reference(Widths(), device, given.precision, share_fakes=given.share_fakes)
    stream = batches(read_images(MNIST).to(device), given.batch_size)
    window: list[Tensor] = []
    began = time.perf_counter()
    for turn in range(1, given.turns + 1):
        window.append(reference.step(next(stream), lambda: draw_latents(given.batch_size, device)))
        if turn % 50 == 0 or turn == given.turns:
            means = torch.stack(window).mean(0).tolist()
            rate = len(window) * given.batch_size / (time.perf_counter() - began)
            words = "critic {:.3f} + {:.3f}  generator {:.3f} + {:.3f}".format(*means)
            print(f"turn {turn}  {rate:.0f} images/s  {words}")
            window, began = [], time.perf_counter()


if __name__ == "__main__":
    main()
