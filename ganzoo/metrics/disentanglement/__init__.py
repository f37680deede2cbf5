"""How far codes are disentangled, measured against known factors: functions of plain arrays.

``mig``, ``sap``, ``dci``, ``modularity`` and ``explicitness`` take codes (N, D) and factors (N, K)
of the same images; ``factor_vae`` and ``beta_vae`` take a :class:`Sampler`. In all of them

- a dead code (constant but for rounding) is left out, and so is a factor with one value; in
  ``factor_vae`` a code that is constant in almost all images has no vote;
- a categorical code is one code: give its numbers in one column and mark it in ``discrete``. K
  probabilities in K columns would be K codes with almost the same information each;
- the order of the columns does not count, and equal seeds give equal numbers;
- nor does the scale of a code, but for ``factor_vae`` under the protocol ``locatello``, which
  leaves out a code with a standard deviation below 0.05.

Scores of different protocols, or with different numbers of rows, must not be compared.
"""

from __future__ import annotations

from ganzoo.metrics.disentanglement.information import mig, modularity
from ganzoo.metrics.disentanglement.prediction import DCI, Trees, dci, explicitness, sap
from ganzoo.metrics.disentanglement.protocols import PROTOCOLS, Protocol, ProtocolName
from ganzoo.metrics.disentanglement.sampling import PoolSampler, Sampler
from ganzoo.metrics.disentanglement.votes import beta_vae, factor_vae

__all__ = [
    "DCI",
    "PROTOCOLS",
    "PoolSampler",
    "Protocol",
    "ProtocolName",
    "Sampler",
    "Trees",
    "beta_vae",
    "dci",
    "explicitness",
    "factor_vae",
    "mig",
    "modularity",
    "sap",
]
