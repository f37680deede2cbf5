"""Scores a run's exported model with the metrics on offer, and keeps them in ``scores.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.card import write_card
from ganzoo.comparison import read_scores_file
from ganzoo.errors import UserError
from ganzoo.export import CONFIG
from ganzoo.exported import read_config
from ganzoo.files import told_unwritable, write_json
from ganzoo.folder import RunFolder
from ganzoo.hookspecs import MetricSpec
from ganzoo.loaded import Loaded, load
from ganzoo.metrics.scorecard import Scores, score, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganzoo.registry import Offer, Registry

BUDGET = 10_000
"""Images that a metric may generate, or read of one split."""


def quick_metrics(registry: Registry) -> list[Offer[Any]]:
    """The metrics that are computed when a run ends."""
    return [
        offer
        for offer in registry.all("metric")
        if isinstance(offer.spec, MetricSpec) and offer.spec.at_end_of_run
    ]


def usual_metrics(registry: Registry) -> list[Offer[Any]]:
    """The metrics that are computed where none is named."""
    return [
        offer
        for offer in registry.all("metric")
        if isinstance(offer.spec, MetricSpec) and not offer.spec.on_request
    ]


def score_model(
    loaded: Loaded, registry: Registry, metrics: Sequence[Offer[Any]], budget: int = BUDGET
) -> Scores:
    """Compute ``metrics`` in their order."""
    functions = {}
    for offer in metrics:
        clash = len(registry.matching("metric", offer.name)) > 1
        functions[offer.qualified if clash else offer.name] = registry.load(offer)
    return score(loaded, functions, budget)


def score_named(
    registry: Registry, run: str | None, names: Sequence[str] = (), budget: int = BUDGET
) -> Scores:
    """Score what ``run`` names, the newest run for None, with these metrics or the usual ones."""
    from ganzoo.repository import find_model

    chosen = [registry.find("metric", name) for name in dict.fromkeys(names)]
    model = find_model(run)
    metrics = chosen or usual_metrics(registry)
    return score_run(model.folder, registry, model.output.scores, metrics, budget)


def score_run(
    folder: Path,
    registry: Registry,
    scores_path: Path,
    metrics: Sequence[Offer[Any]],
    budget: int = BUDGET,
) -> Scores:
    """Load the model in ``folder``, compute ``metrics``, write their scores and return them.

    The file keeps what other metrics gave for the same weights; a score from other versions of
    libraries than the file's then has ``versions`` of its own. The model of a run gets a card that
    tells the scores.
    """
    run = RunFolder(folder)
    loaded = load(folder, registry)
    scores = score_model(loaded, registry, metrics, budget)
    computed = {name for offer in metrics for name in (offer.name, offer.qualified)}
    computed -= scores.failed.keys()
    document = _laid_over(_read(scores_path), to_json(scores), computed, scores)
    with told_unwritable(scores_path):
        write_json(scores_path, document)
    # A training may have exported others meanwhile.
    if run.is_run() and read_config(run.model / CONFIG).sha256 == loaded.sha256:
        write_card(run, loaded)
    return scores


def _read(path: Path) -> dict[str, Any]:
    """The scores that are there already; none if the file is damaged, which is no loss then."""
    try:
        return read_scores_file(path, path.parent)
    except UserError:
        return {}


def _laid_over(
    old: dict[str, Any], new: dict[str, Any], computed: set[str], scores: Scores
) -> dict[str, Any]:
    """``new`` over what ``old`` has of the same weights and of metrics not ``computed``."""
    if old.get("model", scores.model) != scores.model:
        return new
    about = {"step": scores.step, "ema": scores.ema, "data": scores.data}
    versions = old.get("versions")
    theirs = {} if versions == new["versions"] else {"versions": versions}
    kept = {
        name: theirs | entry
        for name, entry in old.get("scores", {}).items()
        if all(entry.get(key) == value for key, value in about.items())
        and entry.get("metric") not in computed
    }
    if not kept:
        return new
    settled = computed | new["scores"].keys()
    why = {
        reasons: {name: text for name, text in told.items() if name not in settled}
        for reasons in ("absent", "failed")
        if isinstance(told := old.get(reasons), dict)
    }
    return new | {
        "scores": kept | new["scores"],
        "absent": why.get("absent", {}) | new["absent"],
        "failed": why.get("failed", {}) | new["failed"],
    }
