"""The prior of a diffusion model: the noise that an image begins as."""

import math
from typing import Any

import torch

from ganzoo import Context, Latents, Prior


class ImageNoise(Prior):
    """N(0, 1) for every pixel, as the part ``noise`` (n, C * H * W)."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.size = math.prod(context.data.image_shape)

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        """Draw ``n`` latents."""
        noise = torch.randn(n, self.size, generator=generator, device=device)
        return Latents(noise, {"noise": noise})
