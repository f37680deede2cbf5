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
        at_end_of_run=True,
    )
    yield MetricSpec(
        "categories",
        "ganzoo_evaluation.codes:categories",
        "Categorical codes against the labels: accuracy after matching, NMI, ARI",
        at_end_of_run=True,
    )
    yield MetricSpec(
        "recovery",
        "ganzoo_evaluation.codes:recovery",
        "Codes read back from generated images: R2, Spearman, accuracy",
        at_end_of_run=True,
    )
    yield MetricSpec(
        "meanings",
        "ganzoo_evaluation.meanings:meanings",
        "What each continuous code seems to do: slant, stroke width, place, size, ink, brightness",
        at_end_of_run=True,
    )
    yield MetricSpec(
        "samples",
        "ganzoo_evaluation.samples:samples",
        "Samples against real images by a frozen classifier: Fréchet distance, coverage",
    )
    yield MetricSpec(
        "inception",
        "ganzoo_evaluation.inception:inception",
        "FID and KID by Inception-v3; needs the extra fid, and its weights from the network",
    )
    yield MetricSpec(
        "probes",
        "ganzoo_evaluation.probes:probes",
        "L_I of each code in nats, as fresh networks find it; for models without Q as well",
    )
    yield MetricSpec(
        "strokes",
        "ganzoo_evaluation.strokes:strokes",
        "What continuous codes do to the slant and stroke width of digits",
    )
    yield MetricSpec(
        "disentanglement",
        "ganzoo_evaluation.disentanglement:disentanglement",
        "Codes against the factors of the data: MIG, SAP, DCI, FactorVAE, BetaVAE and more",
    )
    yield MetricSpec(
        "boosted_trees",
        "ganzoo_evaluation.disentanglement:boosted_trees",
        "DCI by the boosted trees of its published numbers",
        on_request=True,
    )
