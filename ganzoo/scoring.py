"""Scores a run's exported model with every metric on offer, and keeps them in ``scores.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.export import write_json
from ganzoo.loaded import Loaded, load
from ganzoo.metrics.scorecard import Scores, score, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.registry import Registry

BUDGET = 10_000
"""Images that a metric may generate, or read of one split."""


def score_model(loaded: Loaded, registry: Registry, budget: int = BUDGET) -> Scores:
    """Run every metric that the plugins offer."""
    metrics = {}
    for offer in registry.all("metric"):
        clash = len(registry.matching("metric", offer.name)) > 1
        metrics[offer.qualified if clash else offer.name] = registry.load(offer)
    return score(loaded, metrics, budget)


def score_run(folder: Path, registry: Registry, scores_path: Path, budget: int = BUDGET) -> Scores:
    """Load the model in ``folder``, score it and write the scores."""
    scores = score_model(load(folder, registry), registry, budget)
    try:
        write_json(scores_path, to_json(scores))
    except OSError as error:
        raise UserError(f"cannot write {scores_path}: {error.strerror}") from error
    return scores
