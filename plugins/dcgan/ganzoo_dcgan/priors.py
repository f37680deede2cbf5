"""The prior of a plain GAN: noise."""

from dataclasses import dataclass
from typing import Literal

import torch

from ganzoo.latents import Latents, Prior, draw_noise
from ganzoo.model import Context
from ganzoo.schema import Positive, setting


class Noise(Prior):
    """``size`` independent numbers, as the part ``noise``."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the prior."""

        size: Positive = setting(100, "numbers in a latent vector")
        distribution: Literal["normal", "uniform"] = setting("normal", "N(0, 1) or U(-1, 1)")

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.size = config.size
        self.distribution = config.distribution

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        """Draw ``n`` latents (n, size)."""
        noise = draw_noise(self.distribution, n, self.size, generator=generator, device=device)
        return Latents(noise, {"noise": noise})
