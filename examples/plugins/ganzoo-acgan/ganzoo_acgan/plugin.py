"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, MetricSpec, ModelSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "acgan",
        "ganzoo_acgan.model:ACGAN",
        "DCGAN that draws the class it is asked for (Odena et al. 2017)",
        presets="ganzoo_acgan.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """What makes it conditional."""
    yield LossSpec(
        "auxiliary_classifier",
        "ganzoo_acgan.losses:AuxiliaryClassifier",
        "The discriminator names the class of real and of generated images (Odena et al. 2017)",
    )


@hookimpl
def ganzoo_metrics() -> Iterable[MetricSpec]:
    """Whether the model obeys."""
    yield MetricSpec(
        "label_agreement",
        "ganzoo_acgan.agreement:label_agreement",
        "Share of generated images that are of the class that was asked for",
    )
