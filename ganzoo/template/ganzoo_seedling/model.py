"""The model: DCGAN with one thing changed."""

from dataclasses import dataclass

import torch

from ganzoo import Batch, Latents, Networks, setting
from ganzoo_dcgan.model import DCGAN


class Seedling(DCGAN):
    """A generator whose images are averaged with their mirror images."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's settings, and one more."""

        mirror: bool = setting(default=True, help="average each image with its mirror image")

    def generate(
        self, nets: Networks, latents: Latents, generator: torch.Generator | None = None
    ) -> Batch:
        """Images (n, C, H, W) from latents."""
        batch = dict(super().generate(nets, latents, generator))
        if self.config.mirror:
            batch["image"] = (batch["image"] + batch["image"].flip(-1)) / 2
        return batch
