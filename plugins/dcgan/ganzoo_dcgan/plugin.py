"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, PriorSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "dcgan",
        "ganzoo_dcgan.model:DCGAN",
        "Convolutional GAN (Radford et al. 2015)",
        presets="ganzoo_dcgan.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """What two players can play for."""
    yield LossSpec(
        "adversarial",
        "ganzoo_dcgan.losses:NonSaturating",
        "The non-saturating GAN loss on logits (Goodfellow et al. 2014)",
    )
    yield LossSpec("hinge", "ganzoo_dcgan.losses:Hinge", "The hinge GAN loss (Lim and Ye 2017)")
    yield LossSpec(
        "wasserstein",
        "ganzoo_dcgan.losses:Wasserstein",
        "The critic's difference of means (Arjovsky et al. 2017)",
    )
    yield LossSpec(
        "gradient_penalty",
        "ganzoo_dcgan.losses:GradientPenalty",
        "Keeps the critic's gradient near norm 1 (Gulrajani et al. 2017)",
    )


@hookimpl
def ganzoo_priors() -> Iterable[PriorSpec]:
    """The prior."""
    yield PriorSpec("noise", "ganzoo_dcgan.priors:Noise", "Independent noise without codes")
