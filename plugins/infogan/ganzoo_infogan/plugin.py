"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import LossSpec, MetricSpec, ModelSpec, PriorSpec, hookimpl

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


@hookimpl
def ganzoo_priors() -> Iterable[PriorSpec]:
    """The prior."""
    yield PriorSpec(
        "structured",
        "ganzoo_infogan.priors:StructuredPrior",
        "Noise and named codes, categorical or continuous",
    )


@hookimpl
def ganzoo_metrics() -> Iterable[MetricSpec]:
    """How well codes are read and what they mean."""
    yield MetricSpec(
        "information",
        "ganzoo_infogan.metrics:information",
        "L_I of each code in nats, as Q gives it",
    )
    yield MetricSpec(
        "categories",
        "ganzoo_infogan.metrics:categories",
        "Categorical codes against the labels: accuracy after matching, NMI, ARI",
    )
    yield MetricSpec(
        "recovery",
        "ganzoo_infogan.metrics:recovery",
        "Codes read back from generated images: R2, Spearman, accuracy",
    )
