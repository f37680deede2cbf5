"""How much of an image is left after each step of noise."""

import math
from typing import Literal

import torch
from torch import Tensor

Schedule = Literal["linear", "cosine"]


def signal_left(schedule: Schedule, steps: int, device: torch.device) -> Tensor:
    """The share of the image's variance after each step, (``steps``,), falling from 1 to 0.

    It is alpha bar of Ho et al. 2020. ``linear``: their variances, stretched to another number of
    steps than 1,000. ``cosine``: Nichol and Dhariwal 2021, eq. 17, which noises small images less.
    """
    if schedule == "linear":
        scale = 1000 / steps
        added = torch.linspace(1e-4 * scale, 0.02 * scale, steps, device=device)
    else:
        places = torch.linspace(0, 1, steps + 1, device=device, dtype=torch.float64)
        left = ((places + 0.008) / 1.008 * math.pi / 2).cos().square()
        added = (1 - left[1:] / left[:-1]).float()
    return (1 - added.clamp(max=0.999)).cumprod(0)
