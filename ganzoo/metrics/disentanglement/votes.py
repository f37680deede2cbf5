"""Scores that ask which factor a group of images has in common: FactorVAE and BetaVAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from sklearn.linear_model import LogisticRegression

from ganzoo.metrics.arrays import as_array
from ganzoo.metrics.disentanglement.protocols import find_protocol
from ganzoo.metrics.disentanglement.representation import (
    Flags,
    Floats,
    Integers,
    alive,
    at_least,
    commonest,
    discrete_marks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ganzoo.metrics.disentanglement.protocols import Protocol, ProtocolName
    from ganzoo.metrics.disentanglement.sampling import Sampler

Found = TypeVar("Found")

_AT_ONCE = 16_384
"""Images that a sampler is asked for in one call, about."""

_BY_CHANCE = 0.05
"""Share of the groups with nothing fixed that may be alike in a code for it to have a vote."""


@dataclass(frozen=True)
class _Asking:
    """Whom to ask how much."""

    sampler: Sampler
    factors: int
    width: int
    """How many codes the sampler gives."""
    codes: Integers
    """Places of the live ones among them, the one first that is alike in the fewest images."""
    discrete: Flags
    """Which of the live codes are categorical."""
    spread: Floats
    """Overall variance of each live code; of a categorical one, the share of pairs that differ."""
    rng: np.random.Generator

    def groups(self, asked: Integers, size: int, pack: int = 1) -> Iterator[tuple[int, Floats]]:
        """Yield, factor by factor, the live codes (n, pack, size, D) of n of the groups asked for.

        ``asked`` (factors,) says how often; ``pack`` groups with the same factor make one.
        """
        most = max(1, _AT_ONCE // (size * pack))
        for factor, count in enumerate(asked.tolist()):
            for start in range(0, count, most):
                n = min(most, count - start)
                drawn = _drawn(self.sampler, factor, n * pack, size, self.rng, width=self.width)
                yield factor, drawn[:, :, self.codes].reshape(n, pack, size, -1)


def factor_vae(
    sampler: Sampler,
    factors: int,
    *,
    discrete: Sequence[bool] | None = None,
    protocol: ProtocolName = "locatello",
    groups: int | None = None,
    size: int | None = None,
    seed: int = 0,
) -> float:
    """FactorVAE score, 1 at best (Kim & Mnih 2018, section 3 and appendix B).

    In a group with one factor fixed, the code with the least variance relative to its overall
    variance votes; each code stands for the factor that it votes for most often, and the score is
    the share of votes that fit. A categorical code is given the share of pairs that differ as its
    variance, as the authors propose.

    ``locatello`` leaves out codes with a deviation below 0.05 and counts fresh votes, half as many
    as decide: noise gets 1 / factors. ``infogan_cr`` asks about the factors in turn, keeps all
    codes but dead ones, and counts the votes that decided: noise gets more than that, and the more,
    the more codes there are.

    A code with one value in almost all images would win most votes and know nothing: it has none if
    more than one group in twenty were alike in it by chance, going by the share of its commonest
    value among all images. In groups of 64 that is a share above 0.954, of 100 one above 0.970. Of
    codes that are alike in all images of a group, which is usual for categories, the one votes of
    which that is the least to be expected.

    Args:
        sampler: Gives groups of codes, see :class:`Sampler`.
        factors: How many factors it knows, without those with a single value.
        discrete: Which codes are categorical, (D,).
        protocol: Sets the numbers of groups (10,000 or 500) and of images in one (64 or 100).
        groups: Votes that decide, one or more for each factor, if not as the protocol says.
        size: Images in a group, 2 or more, if not as the protocol says.
        seed: Of the generator that the sampler is given.

    Returns:
        The share of votes that fit; 1 / factors, which is chance, if no code has a vote.

    Raises:
        ValueError: there are fewer than two factors, groups or images in one than it takes, or the
            sampler gives another shape than it is asked for, NaN or infinity.
    """
    recipe = find_protocol(protocol)
    members = recipe.size if size is None else at_least("size", size, 2)
    asking = _ask(
        sampler,
        factors,
        discrete,
        points=recipe.spread_points,
        least_deviation=recipe.least_deviation,
        most_alike=_BY_CHANCE ** (1 / members),
        seed=seed,
    )
    if not len(asking.spread):
        return 1 / factors

    def votes(asked: Integers) -> Integers:
        """Votes (D, factors) of each code for each factor."""
        counts = np.zeros((len(asking.spread), factors), dtype=np.int64)
        for factor, drawn in asking.groups(asked, members):
            relative = _spread(drawn[:, 0], asking.discrete) / asking.spread
            np.add.at(counts[:, factor], relative.argmin(axis=1), 1)
        return counts

    decided, counted = _fit_and_score(asking, recipe, groups, votes)
    stands_for = decided.argmax(axis=1)
    fitting = np.take_along_axis(counted, stands_for[:, None], axis=1)
    return float(fitting.sum() / counted.sum())


def beta_vae(
    sampler: Sampler,
    factors: int,
    *,
    discrete: Sequence[bool] | None = None,
    protocol: ProtocolName = "locatello",
    groups: int | None = None,
    size: int | None = None,
    seed: int = 0,
) -> float:
    """BetaVAE score, 1 at best (Higgins et al. 2017, section 3).

    The mean absolute difference of the codes of pairs that share the value of one factor tells a
    linear classifier which factor; the score is its accuracy. Differences are taken relative to
    each code's deviation, so that its scale does not count; those of a categorical code are 0
    or 1. ``locatello`` takes 64 pairs, each with a value of its own, and scores on fresh ones:
    noise gets 1 / factors. ``infogan_cr`` takes 50 pairs out of a group of 100 and scores on the
    groups it was fitted on: noise gets more than that, and the more, the more codes there are.
    Arguments as for :func:`factor_vae`, with ``size`` the pairs of ``locatello``, 1 or more.

    Raises:
        ValueError: as for :func:`factor_vae`.
    """
    recipe = find_protocol(protocol)
    least = 1 if recipe.held_out else 2
    count = recipe.size if size is None else at_least("size", size, least)
    asking = _ask(sampler, factors, discrete, points=recipe.spread_points, seed=seed)
    if not len(asking.spread):
        return 1 / factors
    # one group in which all pairs share the value, or as many groups as there are pairs
    members, pack = (2, count) if recipe.held_out else (count // 2 * 2, 1)
    scale = np.where(asking.discrete, asking.spread, np.sqrt(asking.spread))

    def differences(asked: Integers) -> tuple[Floats, Integers]:
        """Mean differences (n, D) and the factors (n,) that were fixed."""
        features: list[Floats] = []
        answers: list[Integers] = []
        for factor, drawn in asking.groups(asked, members, pack):
            gaps = drawn[:, :, 0::2] - drawn[:, :, 1::2]
            sizes = np.where(asking.discrete, gaps != 0, np.abs(gaps))
            features.append(sizes.mean(axis=(1, 2)) / scale)
            answers.append(np.full(len(drawn), factor))
        return np.concatenate(features), np.concatenate(answers)

    fitted, scored = _fit_and_score(asking, recipe, groups, differences)
    if np.ptp(fitted[1]) == 0:  # few groups, and the lot fell on one factor: nothing to tell apart
        return float(np.mean(scored[1] == fitted[1][0]))
    classifier = LogisticRegression(max_iter=1000).fit(*fitted)
    return float(classifier.score(*scored))


def _ask(
    sampler: Sampler,
    factors: int,
    discrete: Sequence[bool] | None,
    *,
    points: int,
    least_deviation: float = 0.0,
    most_alike: float = 1.0,
    seed: int,
) -> _Asking:
    """Find out which codes are alive, and how far each is spread overall.

    Left out are also codes with a deviation below ``least_deviation``, and those that have their
    commonest value in a larger share of the images than ``most_alike``.
    """
    if factors < 2:
        raise ValueError(f"{factors} factors leave nothing to tell apart")
    rng = np.random.default_rng(seed)
    chunks = [min(_AT_ONCE, points - start) for start in range(0, points, _AT_ONCE)]
    free = np.concatenate([_drawn(sampler, None, 1, n, rng)[0] for n in chunks])
    width = free.shape[1]
    marks = discrete_marks(discrete, width)
    spread = _spread(free[None], marks)[0]
    alike = commonest(free, marks)
    kept = alive(free, marks) & (np.sqrt(spread) >= least_deviation) & (alike <= most_alike)
    # Ties go to the first, which must not depend on the order in which the codes came.
    places = np.array(
        sorted(np.flatnonzero(kept), key=lambda code: (alike[code], free[:, code].tobytes())),
        dtype=np.int64,
    )
    return _Asking(sampler, factors, width, places, marks[places], spread[places], rng)


def _drawn(
    sampler: Sampler,
    factor: int | None,
    groups: int,
    size: int,
    rng: np.random.Generator,
    *,
    width: int | None = None,
) -> Floats:
    """Groups of the sampler, (groups, size, D), with D as it was before if ``width`` says so."""
    codes = as_array(sampler(factor, groups, size, rng)).astype(np.float64, copy=False)
    if codes.ndim != 3 or codes.shape != (groups, size, width or codes.shape[-1]):
        wanted = f"({groups}, {size}, {'D' if width is None else width})"
        raise ValueError(f"the sampler should give codes {wanted}, and gave {codes.shape}")
    if not np.isfinite(codes).all():
        raise ValueError("codes hold NaN or infinity")
    return codes


def _fit_and_score(
    asking: _Asking,
    recipe: Protocol,
    groups: int | None,
    collect: Callable[[Integers], Found],
) -> tuple[Found, Found]:
    count = recipe.groups if groups is None else at_least("groups", groups, asking.factors)
    if recipe.held_out:
        drawn = (asking.rng.integers(asking.factors, size=n) for n in (count, max(1, count // 2)))
        fitted, scored = (
            collect(np.bincount(factors, minlength=asking.factors)) for factors in drawn
        )
        return fitted, scored
    both = collect(np.bincount(np.arange(count) % asking.factors, minlength=asking.factors))
    return both, both


def _spread(groups: Floats, discrete: Flags) -> Floats:
    """Variance (G, D) within groups (G, L, D); for a categorical code, the share of unlike pairs.

    That share is its Gini variance, estimated without bias.
    """
    spread: Floats = groups.var(axis=1, ddof=1)
    size = groups.shape[1]
    for code in np.flatnonzero(discrete):
        values = groups[:, :, code]
        counts = [np.sum(values == category, axis=1) for category in np.unique(values)]
        like = sum(count * (count - 1) for count in counts)
        spread[:, code] = 1 - like / (size * (size - 1))
    return spread
