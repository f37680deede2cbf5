"""The loss of a beta-VAE."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from ganzoo import Loss, Pass, setting


class NegativeELBO(Loss):
    """-E log p(x | z) + beta * KL(q(z | x) || p(z)) in nats an image (Higgins et al. 2017, eq. 4).

    With a ``beta`` of 1 it is minus the evidence lower bound (Kingma and Welling 2014, eq. 3). The
    likelihood ``gaussian`` has a standard deviation of 1 and goes without its constant; any other
    deviation s is a ``beta`` of s squared.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the loss, beside its weight."""

        beta: Annotated[float, Ge(0)] = setting(1.0, "factor of the divergence; 1 is a plain VAE")
        likelihood: Literal["bernoulli", "gaussian"] = setting(
            "bernoulli", "p(x | z): bernoulli, or gaussian with a std of 1"
        )

    capturable = True

    def terms(self) -> Mapping[str, Callable[[Pass], Tensor]]:
        """One term, in the phase of the same name."""
        return {"elbo": self.negative_elbo}

    def negative_elbo(self, pass_: Pass) -> Tensor:
        """The mean over the batch."""
        image = pass_.batch["image"]
        # In half precision a sum over thousands of pixels loses its last digits.
        logits, mean, log_variance = (
            pass_.extra[name].float() for name in ("logits", "mean", "log_variance")
        )
        if self.config.likelihood == "bernoulli":
            missed = binary_cross_entropy_with_logits(logits, image, reduction="sum")
        else:
            missed = mse_loss(logits.sigmoid(), image, reduction="sum") / 2
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
        loss: Tensor = (missed + self.config.beta * divergence) / len(image)
        return loss
