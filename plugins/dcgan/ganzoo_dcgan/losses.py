"""The losses of the two players: each serves any model with a critic's and a generator's phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganzoo.loss import Loss, Measured, TermFunction
from ganzoo.model import Pass
from ganzoo.schema import setting

BEST_FAKE = "best_fake"
"""Figure: the largest probability of being real in a batch of fakes, by the discriminator."""


def _logits(outputs: Mapping[str, Tensor] | None) -> Tensor:
    assert outputs is not None, "this phase did not ask the discriminator"
    return outputs["logits"]


class _TwoPlayers(Loss):
    """A term for the critic and one for the generator."""

    capturable = True

    def terms(self) -> Mapping[str, TermFunction]:
        """Both players' terms."""
        return {"critic": self.critic, "generator": self.generator}

    def critic(self, pass_: Pass) -> Tensor | Measured:
        """What the critic minimises."""
        raise NotImplementedError

    def generator(self, pass_: Pass) -> Tensor:
        """What the generator minimises."""
        raise NotImplementedError


class NonSaturating(_TwoPlayers):
    """-log D(x) - log(1 - D(G(z))) against -log D(G(z)), on logits.

    Goodfellow et al. 2014, section 3.
    """

    def critic(self, pass_: Pass) -> Measured:
        """Tell real from fake; the best fake's D(G(z)) is reported as ``best_fake``.

        Several processes report the mean of the best of each.
        """
        real, fake = _logits(pass_.on_real), _logits(pass_.on_fake)
        loss = softplus(-real).mean() + softplus(fake).mean()
        return Measured(loss, {BEST_FAKE: fake.detach().max().sigmoid()})

    def generator(self, pass_: Pass) -> Tensor:
        """Pass for real."""
        return softplus(-_logits(pass_.on_fake)).mean()


class Hinge(_TwoPlayers):
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) against -D(G(z)) (Lim and Ye 2017)."""

    def critic(self, pass_: Pass) -> Tensor:
        """Tell real from fake by a margin of 1 each way."""
        return relu(1 - _logits(pass_.on_real)).mean() + relu(1 + _logits(pass_.on_fake)).mean()

    def generator(self, pass_: Pass) -> Tensor:
        """Raise the critic's value."""
        return -_logits(pass_.on_fake).mean()


class Wasserstein(_TwoPlayers):
    """E D(G(z)) - E D(x) against -E D(G(z)) (Arjovsky et al. 2017, eq. 2).

    Needs ``gradient_penalty`` beside it.
    """

    def critic(self, pass_: Pass) -> Tensor:
        """Minus the estimated distance."""
        return _logits(pass_.on_fake).mean() - _logits(pass_.on_real).mean()

    def generator(self, pass_: Pass) -> Tensor:
        """Raise the critic's value."""
        return -_logits(pass_.on_fake).mean()


class GradientPenalty(Loss):
    """(|grad D| - 1)^2 on points between real and fake (Gulrajani et al. 2017, eq. 3).

    The weight is 10 there. The discriminator must treat images one by one: set
    ``model.discriminator_norm = "none"``.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the penalty."""

        target: Annotated[float, Ge(0)] = setting(1.0, "norm that the gradient is drawn to")

    needs = ("discriminator",)
    second_order = True

    def terms(self) -> Mapping[str, TermFunction]:
        """The critic's penalty."""
        return {"critic": self.penalty}

    def penalty(self, pass_: Pass) -> Tensor:
        """The mean squared distance of the gradient's norm from the target."""
        assert pass_.fake is not None, "this phase has no fakes"
        real, fake = pass_.batch["image"], pass_.fake["image"].detach()
        share = pass_.draw.uniform(len(real), *[1] * (real.dim() - 1))
        between = torch.lerp(fake, real, share).requires_grad_(True)  # noqa: FBT003  torch's own signature
        logits = pass_.nets["discriminator"](between)["logits"]
        (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
        norm = gradient.flatten(1).norm(dim=1)
        penalty: Tensor = (norm - self.config.target).square().mean()
        return penalty
