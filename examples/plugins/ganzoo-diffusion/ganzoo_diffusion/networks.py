"""The denoiser: a small U-Net that is told how noisy its image is."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

GROUPS = 8
"""Groups of maps that are normalised together; every width is a multiple of it."""


class Denoiser(nn.Module):
    """Noisy images (n, C, H, W) and their steps (n,) to the noise in them (Ho et al. 2020, app. B).

    One residual block a side on the way down and up, which halve and double the side between them.
    """

    def __init__(self, colours: int, widths: Sequence[int]) -> None:
        super().__init__()
        time = 4 * widths[0]
        self.frequencies = widths[0] // 2
        self.time = nn.Sequential(nn.Linear(2 * self.frequencies, time), nn.SiLU())
        self.stem = nn.Conv2d(colours, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Block(width, width, time) for width in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)
        )
        self.middle = Block(widths[-1], widths[-1], time)
        self.up = nn.ModuleList(Block(2 * width, width, time) for width in reversed(widths))
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.Upsample(scale_factor=2))
            for before, after in pairwise(reversed(widths))
        )
        self.head = nn.Sequential(
            nn.GroupNorm(GROUPS, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], colours, 3, padding=1)
        )

    def forward(self, images: Tensor, steps: Tensor) -> Tensor:
        """The noise, (n, C, H, W)."""
        time = self.time(sinusoids(steps, self.frequencies))
        maps, kept = self.stem(images), []
        for depth, block in enumerate(self.down):
            maps = block(self.shrink[depth - 1](maps) if depth else maps, time)
            kept.append(maps)
        maps = self.middle(maps, time)
        for height, block in enumerate(self.up):
            maps = self.grow[height - 1](maps) if height else maps
            maps = block(torch.cat([maps, kept.pop()], dim=1), time)
        noise: Tensor = self.head(maps)
        return noise


class Block(nn.Module):
    """Two convolutions around a skip connection, shifted by the time in between."""

    def __init__(self, before: int, after: int, time: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(GROUPS, before), nn.SiLU(), nn.Conv2d(before, after, 3, padding=1)
        )
        self.shift = nn.Linear(time, after)
        self.second = nn.Sequential(
            nn.GroupNorm(GROUPS, after), nn.SiLU(), nn.Conv2d(after, after, 3, padding=1)
        )
        self.skip = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, maps: Tensor, time: Tensor) -> Tensor:
        """Maps (n, before, H, W) to (n, after, H, W)."""
        hidden = self.first(maps) + self.shift(time)[:, :, None, None]
        result: Tensor = self.skip(maps) + self.second(hidden)
        return result


def sinusoids(steps: Tensor, frequencies: int) -> Tensor:
    """Steps (n,) as (n, 2 * ``frequencies``) sines and cosines (Vaswani et al. 2017, sec. 3.5)."""
    places = torch.arange(frequencies, device=steps.device) / frequencies
    angles = steps[:, None] * torch.exp(-math.log(10_000) * places)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
