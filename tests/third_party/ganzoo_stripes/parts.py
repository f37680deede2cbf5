"""Images rendered on demand, and a loss for the generator's phase of any model."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganzoo import Loss, Pass


class Stripes:
    """28x28 images with one bright row."""

    image_shape = (1, 28, 28)
    classes = None

    def __init__(self, split: str) -> None:
        self.count = 280 if split == "train" else 28

    def __len__(self) -> int:
        return self.count

    def gather(self, indices: Tensor) -> Mapping[str, Tensor]:
        """The images ``indices``: stripe number i is in row i mod 28."""
        images = torch.zeros(len(indices), 1, 28, 28, dtype=torch.uint8)
        images[torch.arange(len(indices)), 0, indices % 28] = 255
        return {"image": images}


class TotalVariation(Loss):
    """Mean absolute difference of neighbouring rows of the fakes."""

    def terms(self) -> Mapping[str, object]:
        """The generator's term."""
        return {"generator": self.roughness}

    def roughness(self, pass_: Pass) -> Tensor:
        """How much rows differ."""
        return pass_.fake["image"].diff(dim=2).abs().mean()
