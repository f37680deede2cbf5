"""The rule of a metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.scorecard import Scores, to_json
from ganzoo.testing.cases import TinyLoaded
from ganzoo.testing.tiny import COUNT
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from ganzoo.loaded import Loaded
    from ganzoo.testing.cases import MetricCase, ModelCase


BUDGET = COUNT // 2


def check_metric(case: MetricCase) -> None:
    """On every model at hand the metric gives scores, or says why it does not apply."""
    try:
        compute = case.registry.load(case.offer)
    except UserError as error:
        raise NotChecked(error.what) from error
    hosts = list(case.hosts())
    if not hosts:
        raise NotChecked("no model is installed to try the metric on")
    reasons = []
    for host in hosts:
        loaded = TinyLoaded(host)
        try:
            scores = compute(loaded, BUDGET)
        except NotApplicable as reason:
            require(str(reason), f"{host.label}: NotApplicable without a reason")
            reasons.append(f"{host.label}: {reason}")
            continue
        _check_scores(scores, host, loaded)
    if len(reasons) == len(hosts):
        raise NotChecked(f"applies to no model at hand: {'; '.join(reasons)}")


def _check_scores(scores: object, host: ModelCase, loaded: Loaded) -> None:
    kind = type(scores).__name__
    require(isinstance(scores, Mapping), f"{host.label}: gives a {kind}, not a mapping of scores")
    assert isinstance(scores, Mapping)
    strange = [str(name) for name, each in scores.items() if not isinstance(each, Score)]
    require(not strange, f"{host.label}: {listed(strange)} is no ganzoo.metrics.Score")
    wide = [name for name in scores if not isinstance(name, str) or name.count("/") > 1]
    require(not wide, f"{host.label}: name scores metric or metric/code, not {wide}")
    greedy = [name for name, each in scores.items() if each.n > BUDGET]
    require(not greedy, f"{host.label}: {listed(greedy)} reads more images than the budget")
    try:
        json.dumps(to_json(Scores(scores, {}, {}, 0, loaded.ema, loaded.data_name)))
    except TypeError as error:
        raise ContractError(
            f"{host.label}: its scores cannot be written as JSON: {error}"
        ) from error


CHECKS = (check_metric,)
