"""The loss: one scalar for each phase that it names. The host weighs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from ganzoo import Loss, Pass, TermFunction, setting


class Seedling(Loss):
    """The mean difference of neighbouring pixels of generated images, to a power."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the loss, beside its weight."""

        # Below 1 equal neighbours would have no gradient that is a number.
        power: Annotated[float, Ge(1)] = setting(1.0, "what differences are raised to")

    def terms(self) -> Mapping[str, TermFunction]:
        """A term in the generator's phase."""
        return {"generator": self.roughness}

    def roughness(self, pass_: Pass) -> Tensor:
        """How rough the fakes are."""
        assert pass_.fake is not None, "the generator's phase makes fakes"
        image = pass_.fake["image"]
        power = self.config.power
        across, down = image.diff(dim=-1).abs().pow(power), image.diff(dim=-2).abs().pow(power)
        roughness: Tensor = across.mean() + down.mean()
        return roughness
