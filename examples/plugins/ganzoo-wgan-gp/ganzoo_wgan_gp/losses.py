"""The R1 penalty."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganzoo import Loss, Pass


class R1(Loss):
    """Half the mean squared norm of the critic's gradient at real images.

    Mescheder et al. 2018, equation 9; the weight is their gamma, 10 in the paper. The critic is
    asked once more, for a gradient of a gradient, so the loss is meant to be lazy: ``every = 16``
    loses nothing (Karras et al. 2020, appendix B). The discriminator must treat images one by one:
    set ``model.discriminator_norm = "none"``.
    """

    needs = ("discriminator",)
    second_order = True

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """The critic's penalty."""
        return {"critic": self.penalty}

    def penalty(self, pass_: Pass) -> Tensor:
        """The penalty at this batch's real images."""
        image = pass_.batch["image"].detach().requires_grad_()
        logits = pass_.nets["discriminator"](image)["logits"]
        (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
        penalty: Tensor = gradient.flatten(1).square().sum(1).mean() / 2
        return penalty
