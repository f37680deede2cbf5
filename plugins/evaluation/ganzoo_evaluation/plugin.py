"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import MetricSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_metrics() -> Iterable[MetricSpec]:
    """Scores of any model; each says why it does not apply where it does not."""
    yield MetricSpec(
        "information",
        "ganzoo_evaluation.codes:information",
        "L_I of each code in nats, as Q gives it",
    )
    yield MetricSpec(
        "categories",
        "ganzoo_evaluation.codes:categories",
        "Categorical codes against the labels: accuracy after matching, NMI, ARI",
    )
    yield MetricSpec(
        "recovery",
        "ganzoo_evaluation.codes:recovery",
        "Codes read back from generated images: R2, Spearman, accuracy",
    )
