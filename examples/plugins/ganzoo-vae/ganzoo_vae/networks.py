"""The two networks of a convolutional VAE, layer for layer the reverse of one another."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def make_encoder(
    image_shape: tuple[int, int, int],
    channels: Sequence[int],
    dense: Sequence[int],
    outputs: int,
) -> nn.Sequential:
    """Convolutions that halve the side, then dense layers: (n, C, H, W) to (n, ``outputs``)."""
    colours, side, _ = image_shape
    layers: list[nn.Module] = []
    for before, after in pairwise((colours, *channels)):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    layers.append(nn.Flatten())
    smallest = side // 2 ** len(channels)
    for before, after in pairwise((channels[-1] * smallest**2, *dense, outputs)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def make_generator(
    image_shape: tuple[int, int, int],
    channels: Sequence[int],
    dense: Sequence[int],
    inputs: int,
) -> nn.Sequential:
    """The same backwards: (n, ``inputs``) to the logits of images, (n, C, H, W)."""
    colours, side, _ = image_shape
    smallest = side // 2 ** len(channels)
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *reversed(dense), channels[-1] * smallest**2)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    layers.append(nn.Unflatten(1, (channels[-1], smallest, smallest)))
    for before, after in pairwise((*reversed(channels), colours)):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
