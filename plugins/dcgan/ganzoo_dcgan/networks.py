"""The two networks, as plain modules: lift this file out and use it."""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Init = Literal["dcgan", "openai"]
Norm = Literal["batch", "none"]


class Generator(nn.Module):
    """Latents (n, size) to images (n, C, H, W): dense layers, then up-convolutions.

    The last dense layer gives ``channels[0]`` maps of H / 2^len(channels), and each up-convolution
    doubles the side. The BatchNorm of dense layers is per unit, as in the papers' own code.
    ``sigmoid`` ends in [0, 1], otherwise tanh ends in [-1, 1].
    """

    def __init__(
        self,
        size: int,
        image_shape: tuple[int, int, int],
        *,
        dense: Sequence[int] = (1024,),
        channels: Sequence[int] = (128, 64),
        sigmoid: bool = True,
    ) -> None:
        super().__init__()
        colours, side = image_shape[0], image_shape[1] // 2 ** len(channels)
        widths = [size, *dense, channels[0] * side * side]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        layers.append(nn.Unflatten(1, (channels[0], side, side)))
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        layers.append(nn.ConvTranspose2d(channels[-1], colours, 4, stride=2, padding=1))
        layers.append(nn.Sigmoid() if sigmoid else nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, size) to (n, C, H, W)."""
        images: Tensor = self.layers(latents)
        return images


class Discriminator(nn.Module):
    """Images (n, C, H, W) to ``logits`` (n,) and ``features`` (n, feature_size).

    Convolutions that halve the side, then dense layers; BatchNorm after all but the first layer.
    The features are what the last layer reads.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        channels: Sequence[int] = (64, 128),
        dense: Sequence[int] = (1024,),
        slope: float = 0.2,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        colours, side = image_shape[0], image_shape[1] // 2 ** len(channels)
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(zip([colours, *channels], channels, strict=False)):
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
            if norm == "batch" and place > 0:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(slope))
        layers.append(nn.Flatten())
        widths = [channels[-1] * side * side, *dense]
        for before, after in itertools.pairwise(widths):
            layers.append(nn.Linear(before, after))
            if norm == "batch":
                layers.append(nn.BatchNorm1d(after))
            layers.append(nn.LeakyReLU(slope))
        self.trunk = nn.Sequential(*layers)
        self.feature_size = widths[-1]
        self.head = nn.Linear(self.feature_size, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(n, C, H, W) to logits and features: behind DDP only ``forward`` can be called."""
        features = self.trunk(images)
        return {"logits": self.head(features).squeeze(1), "features": features}


@torch.no_grad()
def initialise(network: nn.Module, init: Init) -> None:
    """Weights of std 0.02 around 0, BatchNorm's around 1, biases 0.

    ``dcgan``: all normal (Radford et al. 2015, section 4). ``openai``: the convolutions of the
    discriminator are cut off at two standard deviations, as in the InfoGAN authors' released code.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and init == "openai":
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1.0, std=0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
