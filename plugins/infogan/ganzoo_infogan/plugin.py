"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, PriorSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "infogan",
        "ganzoo_infogan.model:InfoGAN",
        "DCGAN whose codes can be read back from its images (Chen et al. 2016)",
        presets="ganzoo_infogan.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The regulariser."""
    yield LossSpec(
        "mutual_information",
        "ganzoo_infogan.losses:MutualInformation",
        "Lower bound of the information between codes and images, L_I (Chen et al. 2016)",
    )
    yield LossSpec(
        "augmentation_consistency",
        "ganzoo_infogan.consistency:AugmentationConsistency",
        "One category for all views of a real image, and an even use of the categories",
    )


@hookimpl
def ganzoo_priors() -> Iterable[PriorSpec]:
    """The prior."""
    yield PriorSpec(
        "structured",
        "ganzoo_infogan.priors:StructuredPrior",
        "Noise and named codes, categorical or continuous",
    )
