"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, PriorSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "diffusion",
        "ganzoo_diffusion.model:Diffusion",
        "A network that takes noise off images, step by step (Ho et al. 2020)",
        presets="ganzoo_diffusion.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The loss."""
    yield LossSpec(
        "noise_prediction",
        "ganzoo_diffusion.losses:NoisePrediction",
        "Squared error of the noise that the network sees in an image (Ho et al. 2020)",
    )


@hookimpl
def ganzoo_priors() -> Iterable[PriorSpec]:
    """The prior."""
    yield PriorSpec(
        "image_noise", "ganzoo_diffusion.priors:ImageNoise", "N(0, 1) for every pixel of an image"
    )
