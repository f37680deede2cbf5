"""The loss of a denoising diffusion model."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn.functional import mse_loss

from ganzoo import Loss, Pass


class NoisePrediction(Loss):
    """Mean squared error of the predicted noise, L_simple (Ho et al. 2020, eq. 14)."""

    capturable = True

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """One term."""
        return {"denoise": self.error}

    def error(self, pass_: Pass) -> Tensor:
        """The mean over batch and pixels; always saying 0 costs 1."""
        return mse_loss(pass_.extra["predicted"].float(), pass_.extra["noise"])
