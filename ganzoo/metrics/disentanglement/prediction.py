"""Scores of predicting the factors from the codes: SAP, DCI and explicitness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from ganzoo.metrics.arrays import as_array
from ganzoo.metrics.disentanglement.protocols import find_protocol
from ganzoo.metrics.disentanglement.representation import Floats, Integers, represent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ganzoo.metrics.disentanglement.protocols import ProtocolName

Trees: TypeAlias = Literal["forest", "boosted"]
"""What predicts the factors in :func:`dci`."""

_DEPTH = 4
"""Of the trees of a regressing forest, if nothing else is said."""
_TREES = 20
_LEAF = 0.003
"""Least share of the rows in a leaf of a classifying forest."""


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness, each from 0 to 1."""

    disentanglement: float
    """Does each code matter for one factor alone? Mean over codes, weighted by importance."""
    completeness: float
    """Is each factor held by one code alone? Mean over factors, weighted by importance."""
    informativeness: float
    """How well factors are predicted: the accuracy of classifiers, or 1 less the root mean squared
    error in units of the factor's deviation for regressors; mean over factors."""


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: Sequence[bool] | None = None,
    protocol: ProtocolName = "locatello",
    nominal: Sequence[bool] | None = None,
    seed: int = 0,
) -> float:
    """Separated attribute predictability, from 0 to 1 (Kumar et al. 2018, section 3).

    For each factor, how well the best code alone predicts it less how well the second best does;
    the mean of that. A nominal factor is predicted by a linear support vector machine (its
    accuracy), another by linear regression (its squared correlation). Support vector machines see
    codes with deviation 1, and are weak on many ordered values: almost perfect codes of dSprites
    get 0.36, and 0.98 with squared correlations.

    Args:
        codes: (N, D). Published numbers use 15,000 rows (``locatello``) or 73,728.
        factors: (N, K) values of the factors. Constant ones are left out.
        discrete: Which codes are categorical, (D,): those predict as one-hot.
        protocol: ``locatello`` takes all factors as nominal and scores on a third of the rows that
            was not fitted; ``infogan_cr`` scores on what was fitted, and its numbers were published
            with the shape of dSprites as nominal, which only ``nominal`` can say.
        nominal: Which factors are nominal, (K,). Left out, all with ``locatello``, and none with
            ``infogan_cr``.
        seed: Decides which rows are fitted.

    Raises:
        ValueError: the arrays do not belong together, hold NaN, or no factor varies; there is no
            such protocol.
    """
    ready = represent(codes, factors, discrete)
    fit_on, score_on = ready.halves(protocol, seed)
    by_class = _nominal(nominal, as_array(factors), default=protocol == "locatello")
    gaps = []
    for column, classes in zip(ready.factors.T, by_class, strict=True):
        scores = [
            _accuracy(ready.columns(code), column, fit_on, score_on)
            if classes
            else _squared_correlation(ready.columns(code), column)
            for code in range(ready.code_count)
        ]
        # a code that says nothing, for a representation with fewer than two live ones
        mute = _constant_accuracy(column, fit_on, score_on) if classes else 0.0
        scores += [mute] * (2 - min(2, len(scores)))
        second, best = sorted(scores)[-2:]
        gaps.append(best - second)
    return float(np.mean(gaps))


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: Sequence[bool] | None = None,
    protocol: ProtocolName = "locatello",
    trees: Trees = "forest",
    depths: Sequence[int] | None = None,
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness, informativeness (Eastwood & Williams 2018, section 2).

    Trees predict each factor from all codes; their importances R (D, K) say what matters for what.
    Disentanglement is 1 less the entropy of a code's row of R in base K, completeness 1 less that
    of a factor's column in base D, where D counts the live codes. The importances of a categorical
    code's categories are summed.

    ``locatello`` classifies and scores on a third of the rows that was not fitted: by boosted trees
    in print (``trees="boosted"``, minutes), here by a random forest unless asked, whose numbers are
    not the same. ``infogan_cr`` regresses on standardised factors by forests of little depth and
    scores on what was fitted.

    Args:
        codes: (N, D). Published numbers use 15,000 rows (``locatello``) or 73,728.
        factors: (N, K) values of the factors. Constant ones are left out.
        discrete: Which codes are categorical, (D,).
        protocol: As above.
        trees: ``forest``, or ``boosted`` with ``locatello``.
        depths: Depth of the trees of ``infogan_cr`` for each factor that varies, 4 for all if left
            out. Numbers on dSprites were published with 4, 2, 4, 2, 2 for shape, scale,
            orientation, x and y.
        seed: Decides which rows are fitted, and the lots that a forest draws.

    Returns:
        The three scores; disentanglement and completeness are 0 if no code matters.

    Raises:
        ValueError: the arrays do not belong together, hold NaN, or no factor varies; there is no
            such protocol, or it has no such trees or depths.
    """
    ready = represent(codes, factors, discrete)
    limits = _depths(depths, protocol, trees, ready.factor_count)
    fit_on, score_on = ready.halves(protocol, seed)
    blocks = [ready.columns(code) for code in range(ready.code_count)]
    owner = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    inputs = np.concatenate(blocks, axis=1) if blocks else np.empty((len(ready.factors), 0))
    importances = np.zeros((ready.code_count, ready.factor_count))
    predicted = np.zeros(ready.factor_count)
    for factor, column in enumerate(ready.factors.T):
        target = column if limits is None else (column - column.mean()) / column.std()
        if not blocks or np.ptp(target[fit_on]) == 0:
            predicted[factor] = (
                _constant_accuracy(column, fit_on, score_on) if limits is None else 0.0
            )
            continue
        predictor = _trees(trees, None if limits is None else limits[factor], seed)
        predictor.fit(inputs[fit_on], target[fit_on])
        np.add.at(importances[:, factor], owner, predictor.feature_importances_)
        told = predictor.predict(inputs[score_on])
        if limits is None:
            predicted[factor] = np.mean(told == target[score_on])
        else:
            error = np.sqrt(np.mean((told - target[score_on]) ** 2))
            predicted[factor] = max(0.0, 1 - float(error))
    return DCI(_concentration(importances), _concentration(importances.T), float(predicted.mean()))


def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: Sequence[bool] | None = None,
    protocol: ProtocolName = "locatello",
    seed: int = 0,
) -> float:
    """Explicitness from 0.5 (chance) to 1 (Ridgeway & Mozer 2018, section 3).

    For each value of each factor, a logistic regression on all codes tells it from the other
    values; its area under the ROC curve, averaged over the values and then over the factors.
    ``locatello`` scores on a third of the rows that was not fitted, ``infogan_cr`` on what was.
    A value that is missing where it is fitted or scored does not count. Values between others of
    a factor that one code orders are on both sides of it, so that such a code stays well below 1
    though it knows the factor; codes that tell values apart one by one get 1. Arguments as for
    :func:`sap`.

    Raises:
        ValueError: as for :func:`sap`.
    """
    ready = represent(codes, factors, discrete)
    fit_on, score_on = ready.halves(protocol, seed)
    if not ready.code_count:
        return 0.5
    inputs = np.concatenate([ready.columns(code) for code in range(ready.code_count)], axis=1)
    by_factor = []
    for column in ready.factors.T:
        areas = []
        for value in range(int(column.max()) + 1):
            fitted, scored = column[fit_on] == value, column[score_on] == value
            if 0 < fitted.mean() < 1 and 0 < scored.mean() < 1:
                classifier = LogisticRegression(max_iter=1000).fit(inputs[fit_on], fitted)
                areas.append(roc_auc_score(scored, classifier.decision_function(inputs[score_on])))
        if areas:
            by_factor.append(np.mean(areas))
    return float(np.mean(by_factor)) if by_factor else 0.5


def _nominal(
    nominal: Sequence[bool] | None, factors: np.ndarray[Any, Any], *, default: bool
) -> list[bool]:
    """Whether each factor that varies is nominal."""
    count = factors.shape[1]
    marks = [default] * count if nominal is None else list(nominal)
    if len(marks) != count:
        raise ValueError(f"nominal needs one mark for each of {count} factors, not {len(marks)}")
    varying = (factors != factors[0]).any(axis=0)
    return [mark for mark, varies in zip(marks, varying, strict=True) if varies]


def _accuracy(inputs: Floats, classes: Integers, fit_on: Integers, score_on: Integers) -> float:
    if np.ptp(classes[fit_on]) == 0:
        return _constant_accuracy(classes, fit_on, score_on)
    machine = LinearSVC(C=0.01, class_weight="balanced", dual=False)
    machine.fit(inputs[fit_on], classes[fit_on])
    return float(machine.score(inputs[score_on], classes[score_on]))


def _constant_accuracy(classes: Integers, fit_on: Integers, score_on: Integers) -> float:
    """Accuracy of always saying the commonest class."""
    return float(np.mean(classes[score_on] == np.bincount(classes[fit_on]).argmax()))


def _squared_correlation(inputs: Floats, values: Integers) -> float:
    """Share of the variance that a linear regression explains; of one-hot, that between groups."""
    centred = values - values.mean()
    if inputs.shape[1] == 1:
        fitted = inputs[:, 0] * np.mean(inputs[:, 0] * centred)
    else:
        fitted = inputs @ (inputs.T @ centred / inputs.sum(axis=0))
    return float(fitted.var() / centred.var())


def _depths(
    depths: Sequence[int] | None, protocol: ProtocolName, trees: Trees, factors: int
) -> list[int] | None:
    """Depth for each factor where there is regression, None where there is classification."""
    if trees not in get_args(Trees):
        raise ValueError(f"trees should be {' or '.join(get_args(Trees))}, not {trees!r}")
    if find_protocol(protocol).held_out:
        if depths is not None:
            raise ValueError("depths belong to protocol='infogan_cr'")
        return None
    if trees != "forest":
        raise ValueError("protocol='infogan_cr' has no boosted trees")
    if depths is None:
        return [_DEPTH] * factors
    if len(depths) != factors:
        raise ValueError(f"depths needs one for each of {factors} factors, not {len(depths)}")
    return list(depths)


def _trees(trees: Trees, depth: int | None, seed: int) -> Any:
    if depth is not None:
        return RandomForestRegressor(_TREES, max_depth=depth, random_state=seed)
    if trees == "boosted":
        return GradientBoostingClassifier(random_state=seed)
    # All codes at every split, and no split for a handful of rows: otherwise trees grow on codes
    # that know nothing, and the importances are theirs.
    return RandomForestClassifier(
        _TREES, max_features=None, max_depth=8, min_samples_leaf=_LEAF, random_state=seed
    )


def _concentration(weights: Floats) -> float:
    """Mean of 1 less the entropy of each row in base of its length, weighted by the row's sum."""
    sums = weights.sum(axis=1)
    if not sums.sum():
        return 0.0
    if weights.shape[1] < 2:
        return 1.0
    shares = weights[sums > 0] / sums[sums > 0, None]
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    rows = 1 + np.sum(shares * logs, axis=1) / np.log(weights.shape[1])
    return float(np.sum(rows * sums[sums > 0]) / sums.sum())
