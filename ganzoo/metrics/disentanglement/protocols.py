"""The two published ways of measuring disentanglement, whose numbers must not be mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

ProtocolName: TypeAlias = Literal["locatello", "infogan_cr"]


@dataclass(frozen=True)
class Protocol:
    """How many points there are, and what is scored on which of them."""

    points: int
    """Rows that fitted scores (SAP, DCI, explicitness) were published with."""
    information_points: int
    """Rows that scores of mutual information (MIG, modularity) were published with: their bias
    depends on it."""
    held_out: bool
    """True if a third of the points, or of the votes, is kept for scoring; False if scores are
    taken on what was fitted."""
    groups: int
    """Groups of images with one factor fixed that FactorVAE and BetaVAE are fitted on."""
    size: int
    """Images in such a group; pairs, where pairs do not share the factor's value."""
    spread_points: int
    """Images that FactorVAE takes the overall spread of each code from."""
    least_deviation: float
    """Standard deviation below which FactorVAE leaves a code out."""


PROTOCOLS: Mapping[ProtocolName, Protocol] = {
    "locatello": Protocol(
        points=15_000,
        information_points=10_000,
        held_out=True,
        groups=10_000,
        size=64,
        spread_points=10_000,
        least_deviation=0.05,
    ),
    "infogan_cr": Protocol(
        points=73_728,
        information_points=73_728,
        held_out=False,
        groups=500,
        size=100,
        spread_points=73_728,
        least_deviation=0.0,
    ),
}
"""``locatello``: Locatello et al. 2019 (arXiv 1811.12359), the settings of its large study.
``infogan_cr``: Lin et al. 2020 (arXiv 1906.06034)."""


def find_protocol(name: ProtocolName) -> Protocol:
    """The protocol of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"protocol should be {' or '.join(PROTOCOLS)}, not {name!r}")
    return PROTOCOLS[name]
