"""Rules of a metric."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ganzoo.errors import UserError
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.scorecard import Scores, to_json
from ganzoo.testing.bench import unequal
from ganzoo.testing.cases import TinyLoaded
from ganzoo.testing.tiny import COUNT
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.loaded import Loaded
    from ganzoo.testing.cases import MetricCase, ModelCase


BUDGET = COUNT // 2


def check_metric(case: MetricCase) -> None:
    """On every model at hand the metric gives scores, or says why it does not apply."""
    compute = _function_of(case)
    hosts = list(case.hosts())
    if not hosts:
        raise NotChecked("no model is installed to try the metric on")
    reasons = []
    for host in hosts:
        loaded = TinyLoaded(host)
        before = _weights(loaded)
        try:
            scores = compute(loaded, BUDGET)
        except NotApplicable as reason:
            require(str(reason), f"{host.label}: NotApplicable without a reason")
            reasons.append(f"{host.label}: {reason}")
            continue
        _check_scores(scores, host, loaded)
        _check_untouched(before, host, loaded)
    if len(reasons) == len(hosts):
        raise NotChecked(f"applies to no model at hand: {'; '.join(reasons)}")


def check_metric_is_repeatable(case: MetricCase) -> None:
    """Computed twice of one model, a metric gives the same scores."""
    compute = _function_of(case)
    for host in case.hosts():
        loaded, values = TinyLoaded(host), []
        for seed in (1, 2):
            torch.manual_seed(seed)
            try:
                scores = compute(loaded, BUDGET)
            except NotApplicable:
                break
            if not isinstance(scores, Mapping) or not _all_scores(scores):
                raise NotChecked(f"what it gives are no scores: see check_metric[{case.label}]")
            values.append({name: each.value for name, each in scores.items()})
        else:
            one, other = values
            differing = [name for name in one if not _same(one[name], other.get(name, math.nan))]
            require(
                not differing and one.keys() == other.keys(),
                f"{host.label}: {listed(differing or sorted(one.keys() ^ other.keys()))} differs "
                "when it is computed again: draw with a seed, as by loaded.draw(n, seed)",
            )
            return
    raise NotChecked("applies to no model at hand")


def _function_of(case: MetricCase) -> Callable[[Loaded, int], Mapping[str, Score]]:
    function: Callable[[Loaded, int], Mapping[str, Score]]
    try:
        function = case.registry.load(case.offer)
    except UserError as error:
        raise NotChecked(error.what) from error
    return function


def _all_scores(scores: Mapping[str, object]) -> bool:
    return all(isinstance(each, Score) for each in scores.values())


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) or (
        math.isnan(one) and math.isnan(other)
    )


def _weights(loaded: Loaded) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, net in loaded.nets.items()
        for key, value in net.state_dict().items()
    }


def _check_untouched(before: Mapping[str, Tensor], host: ModelCase, loaded: Loaded) -> None:
    changed = unequal(before, _weights(loaded))
    require(
        not changed,
        f"{host.label}: changes {listed(changed)} of the model, which the metrics after it score",
    )
    awake = [name for name, net in loaded.nets.items() if net.training]
    require(not awake, f"{host.label}: leaves {listed(awake)} in train mode: call eval() again")


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


CHECKS = (check_metric, check_metric_is_repeatable)
