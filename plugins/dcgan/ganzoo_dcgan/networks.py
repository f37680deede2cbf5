"""The two networks, as plain modules: lift this file out and use it."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Init = Literal["dcgan", "openai"]
Norm = Literal["batch", "none"]
Stride = Literal[1, 2]


class Generator(nn.Module):
    """Latents (n, size) to images (n, C, H, W): dense layers, then up-convolutions.

    The last dense layer gives ``channels[0]`` maps, and each of the ``len(channels)``
    up-convolutions enlarges the side by its stride (2, or as ``strides`` says). ``norms`` says
    which of them but the last are normalised (all by default). The BatchNorm of dense layers is per
    unit, as in the papers' own code. ``sigmoid`` ends in [0, 1], otherwise tanh ends in [-1, 1].
    """

    def __init__(
        self,
        size: int,
        image_shape: tuple[int, int, int],
        *,
        dense: Sequence[int] = (1024,),
        channels: Sequence[int] = (128, 64),
        strides: Sequence[Stride] = (),
        norms: Sequence[bool] = (),
        sigmoid: bool = True,
    ) -> None:
        super().__init__()
        strides = list(strides) or [2] * len(channels)
        norms = norms or (True,) * (len(channels) - 1)
        colours, side = image_shape[0], image_shape[1] // math.prod(strides)
        widths = [size, *dense, channels[0] * side * side]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        layers.append(nn.Unflatten(1, (channels[0], side, side)))
        steps = zip(itertools.pairwise(channels), strides, norms, strict=False)
        for (before, after), stride, norm in steps:
            layers += up_convolution(before, after, stride)
            if norm:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.ReLU())
        layers += up_convolution(channels[-1], colours, strides[-1])
        layers.append(nn.Sigmoid() if sigmoid else nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, size) to (n, C, H, W)."""
        images: Tensor = self.layers(latents)
        return images


class Discriminator(nn.Module):
    """Images (n, C, H, W) to ``logits`` (n,) and ``features`` (n, feature_size).

    Convolutions that divide the side by their stride (2, or as ``strides`` says), then dense
    layers. ``norm`` goes between all but the first layer and its non-linearity; ``dense_norm``, if
    given, goes into the dense layers instead. The features are what the last layer reads.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        channels: Sequence[int] = (64, 128),
        strides: Sequence[Stride] = (),
        dense: Sequence[int] = (1024,),
        slope: float = 0.2,
        norm: Norm = "batch",
        dense_norm: Norm | None = None,
    ) -> None:
        super().__init__()
        strides = list(strides) or [2] * len(channels)
        colours, side = image_shape[0], image_shape[1] // math.prod(strides)
        layers: list[nn.Module] = []
        pairs = itertools.pairwise([colours, *channels])
        for place, ((before, after), stride) in enumerate(zip(pairs, strides, strict=True)):
            layers += convolution(before, after, stride)
            if norm == "batch" and place > 0:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(slope))
        layers.append(nn.Flatten())
        widths = [channels[-1] * side * side, *dense]
        for before, after in itertools.pairwise(widths):
            layers.append(nn.Linear(before, after))
            if (dense_norm or norm) == "batch":
                layers.append(nn.BatchNorm1d(after))
            layers.append(nn.LeakyReLU(slope))
        self.trunk = nn.Sequential(*layers)
        self.feature_size = widths[-1]
        self.head = nn.Linear(self.feature_size, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(n, C, H, W) to logits and features: behind DDP only ``forward`` can be called."""
        features = self.trunk(images)
        return {"logits": self.head(features).squeeze(1), "features": features}


def convolution(before: int, after: int, stride: Stride) -> list[nn.Module]:
    """A 4x4 convolution that divides the side by ``stride`` exactly (TensorFlow's "same" padding).

    With stride 1 an even kernel needs one row more below than above: padding by 1 all around would
    shrink the side.
    """
    if stride == 1:
        return [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(before, after, 4)]
    return [nn.Conv2d(before, after, 4, stride=2, padding=1)]


def up_convolution(before: int, after: int, stride: Stride) -> list[nn.Module]:
    """The transpose of :func:`convolution`: 4x4, and the side times ``stride``."""
    if stride == 1:
        # One row and one column too many come out; they are those that the padding below came from.
        return [nn.ConvTranspose2d(before, after, 4, padding=1), nn.ZeroPad2d((0, -1, 0, -1))]
    return [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]


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
