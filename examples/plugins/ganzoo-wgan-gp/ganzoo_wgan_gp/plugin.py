"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """DCGAN under presets of this plugin: WGAN-GP differs in settings alone."""
    yield ModelSpec(
        "wgan-gp",
        "ganzoo_dcgan.model:DCGAN",
        "Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017)",
        presets="ganzoo_wgan_gp.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The penalty that the dcgan plugin does not have."""
    yield LossSpec(
        "r1",
        "ganzoo_wgan_gp.losses:R1",
        "Keeps the critic flat at real images (Mescheder et al. 2018)",
    )
