"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, PriorSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "vae",
        "ganzoo_vae.model:VAE",
        "A variational autoencoder whose latents are its codes (Kingma and Welling 2014)",
        presets="ganzoo_vae.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The loss."""
    yield LossSpec(
        "elbo",
        "ganzoo_vae.losses:NegativeELBO",
        "Reconstruction and beta times the divergence from the prior (Higgins et al. 2017)",
    )


@hookimpl
def ganzoo_priors() -> Iterable[PriorSpec]:
    """The prior."""
    yield PriorSpec(
        "gaussian", "ganzoo_vae.priors:GaussianPrior", "Independent N(0, 1), each a code: z1, z2, …"
    )
