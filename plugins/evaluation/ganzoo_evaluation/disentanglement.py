"""How far the codes that a model reads are disentangled, on data whose factors are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import disentanglement as measure
from ganzoo.metrics.progress import tracked
from ganzoo_evaluation.codes import CHUNK, NO_CODES, SEED
from ganzoo_evaluation.marks import images_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ganzoo.data import FactorSource
    from ganzoo.loaded import Loaded, Split

PROTOCOLS = measure.PROTOCOLS

_LABELS = 100
"""Images whose labels are looked at, to find the factor that they are."""

Codes: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Factors: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Read:
    """The codes of a sample of images beside the factors of the images, row by row."""

    codes: Codes
    """(N, D); a categorical code is one column of category numbers."""
    names: tuple[str, ...]
    """The code that each column belongs to, (D,)."""
    discrete: tuple[bool, ...]
    """Which columns are categorical, (D,)."""
    factors: Factors
    """(N, K)."""
    factor_names: tuple[str, ...]
    nominal: tuple[bool, ...]
    """Which factors are the class of the image, whose values have no order, (K,)."""
    split: str
    images: str
    """Mark of the images of the split."""


def disentanglement(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Score the codes read from images against the factors that the images were made from.

    All scores there are by both protocols, those of ``infogan_cr`` under names that end so. One
    random sample of at most ``budget`` training images serves them all, and a score of fewer than
    its protocol has says so. Those that ask about groups with one factor in common put them
    together from that sample: to encode fresh groups, as :class:`SourceSampler` does, takes 960,000
    images for one score of the protocol ``locatello``. DCI is by a random forest, also where the
    protocol has boosted trees, which :func:`boosted_trees` has.
    """
    read = read_sample(loaded, min(budget, max(each.points for each in PROTOCOLS.values())))
    parts = [part for protocol in PROTOCOLS for part in _parts(_Scoring(read, protocol))]
    result: dict[str, Score] = {}
    for part in tracked(parts, "comparing codes with factors", len(parts)):
        result |= part()
    return result


def boosted_trees(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Score DCI by boosted trees, as its published numbers on the protocol ``locatello`` are.

    Takes minutes: each value of each factor has a hundred trees of its own.
    """
    protocol: measure.ProtocolName = "locatello"
    read = read_sample(loaded, min(budget, PROTOCOLS[protocol].points))
    return _grown(_Scoring(read, protocol), "boosted")


@dataclass(frozen=True)
class _Scoring:
    """A sample that is scored by one protocol."""

    read: Read
    protocol: measure.ProtocolName

    def arrays(self, rows: int) -> tuple[Codes, Factors]:
        """Codes and factors of as many rows, or all there are."""
        return self.read.codes[:rows], self.read.factors[:rows]

    def score(
        self, name: str, value: float, label: str, rows: int | None, *notes: str, **extra: object
    ) -> dict[str, Score]:
        """One score by its name; ``rows`` is how many images the protocol has, if it fixes that."""
        suffix, remark = _SUFFIXES[self.protocol]
        read, n = self.read, min(len(self.read.codes), rows or len(self.read.codes))
        if rows is not None and n < rows:
            notes += (f"{n:,} images, the protocol has {rows:,}",)
        about: dict[str, object] = {
            "protocol": self.protocol,
            "images": read.images,
            "codes": list(read.names),
            "factors": list(read.factor_names),
        }
        if rows is not None:
            about["protocol_n"] = rows
        conditions = [key for key in ("images", "trees") if key in about | extra]
        found = Score(
            value,
            read.split,
            n,
            label + remark,
            note="; ".join(note for note in notes if note),
            extra=about | extra,
            conditions=conditions,
        )
        return {name + suffix: found}


_SUFFIXES: Mapping[measure.ProtocolName, tuple[str, str]] = {
    "locatello": ("", ""),
    "infogan_cr": ("_infogan_cr", " (InfoGAN-CR)"),
}
"""Of the name and of the label of a score, by protocol."""

_GROWN: Mapping[measure.Trees, tuple[str, str, str]] = {
    "forest": ("", "random forest", ""),
    "boosted": ("_boosted", "boosted", " (boosted trees)"),
}
"""Of DCI: the end of the name, what the score says of its trees, and the end of the label."""

_DEPTHS = {"shape": 4, "scale": 2, "orientation": 4, "x": 2, "y": 2}
"""Depths of the trees by which ``infogan_cr`` predicts the factors of dSprites."""


def _parts(scoring: _Scoring) -> list[Callable[[], dict[str, Score]]]:
    """One function for each few scores that are computed at once."""
    separate = _informed, _separated, _grown, _explained
    votes = [
        partial(_voted, scoring, *each)
        for each in (
            ("factor_vae", "FactorVAE", measure.factor_vae),
            ("beta_vae", "BetaVAE", measure.beta_vae),
        )
    ]
    return [*(partial(part, scoring) for part in separate), *votes]


def _informed(scoring: _Scoring) -> dict[str, Score]:
    rows = PROTOCOLS[scoring.protocol].information_points
    arrays, marks = scoring.arrays(rows), scoring.read.discrete
    remark = "noise may get 0.7: it does not ask how much a code knows"
    return scoring.score("mig", measure.mig(*arrays, discrete=marks), "MIG", rows) | scoring.score(
        "modularity", measure.modularity(*arrays, discrete=marks), "modularity", rows, remark
    )


def _separated(scoring: _Scoring) -> dict[str, Score]:
    rows, protocol = PROTOCOLS[scoring.protocol].points, scoring.protocol
    nominal = scoring.read.nominal if protocol == "infogan_cr" else None
    marks = scoring.read.discrete
    value = measure.sap(
        *scoring.arrays(rows), discrete=marks, protocol=protocol, nominal=nominal, seed=SEED
    )
    return scoring.score("sap", value, "SAP", rows)


def _grown(scoring: _Scoring, trees: measure.Trees = "forest") -> dict[str, Score]:
    rows, protocol = PROTOCOLS[scoring.protocol].points, scoring.protocol
    other = trees == "forest" and protocol == "locatello"
    forest = "by a random forest, the protocol has boosted trees" * other
    suffix, grown, remark = _GROWN[trees]
    found = measure.dci(
        *scoring.arrays(rows),
        discrete=scoring.read.discrete,
        protocol=protocol,
        trees=trees,
        depths=_depths(scoring.read) if protocol == "infogan_cr" else None,
        seed=SEED,
    )
    scores: dict[str, Score] = {}
    for part, value in asdict(found).items():
        scores |= scoring.score(
            f"dci_{part}{suffix}", value, f"DCI {part}{remark}", rows, forest, trees=grown
        )
    return scores


def _depths(read: Read) -> list[int] | None:
    """Those published for the factors of dSprites; None for others."""
    varying = [
        name
        for name, column in zip(read.factor_names, read.factors.T, strict=True)
        if np.ptp(column) > 0
    ]
    return [_DEPTHS[name] for name in varying] if set(varying) == set(_DEPTHS) else None


def _explained(scoring: _Scoring) -> dict[str, Score]:
    rows, protocol = PROTOCOLS[scoring.protocol].points, scoring.protocol
    marks = scoring.read.discrete
    value = measure.explicitness(
        *scoring.arrays(rows), discrete=marks, protocol=protocol, seed=SEED
    )
    note = "mean area under the ROC curve; chance is 0.5"
    return scoring.score("explicitness", value, "explicitness", rows, note)


def _voted(
    scoring: _Scoring, name: str, label: str, metric: Callable[..., float]
) -> dict[str, Score]:
    """A score that asks about groups."""
    read, recipe = scoring.read, PROTOCOLS[scoring.protocol]
    sampler = measure.PoolSampler(read.codes, read.factors)
    value = metric(
        sampler, sampler.factors, discrete=read.discrete, protocol=scoring.protocol, seed=SEED
    )
    chance = f"{1 / sampler.factors:.2g}"
    return scoring.score(
        name,
        value,
        label,
        None,
        f"chance is {chance}"
        if recipe.held_out
        else f"noise gets more than {chance}, with more codes still more, as what is fitted counts",
        f"groups are put together from {len(read.codes):,} images",
        groups=recipe.groups,
    )


def read_sample(loaded: Loaded, count: int) -> Read:
    """Read the codes of ``count`` training images, all of them if there are no more.

    Raises:
        NotApplicable: the factors of the data are not known, fewer than two vary, or the model
            reads no codes.
    """
    split = loaded.split("train")
    if split is None:
        raise NotApplicable("the images of the data are not at hand")
    source = split.factors
    if source is None:
        raise NotApplicable(f"the factors of {loaded.data_name} are not known")
    if sum(size > 1 for size in source.factor_sizes) < 2:
        raise NotApplicable(f"{loaded.data_name} has fewer than two factors that vary")
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(split), size=min(count, len(split)), replace=False)
    indices = torch.from_numpy(chosen.astype(np.int64))
    chunks = torch.split(indices, CHUNK)
    parts = [
        _encode(loaded, split, chunk)
        for chunk in tracked(chunks, f"reading {split.name} images", len(chunks))
    ]
    factors = source.factors(indices).cpu().numpy()
    columns = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    names = tuple(name for name, column in columns.items() for _ in range(column.shape[1]))
    return Read(
        codes=torch.cat([column.double() for column in columns.values()], dim=1).numpy(),
        names=names,
        discrete=tuple(not columns[name].is_floating_point() for name in names),
        factors=factors,
        factor_names=source.factor_names,
        nominal=_nominal(split, indices, factors),
        split=split.name,
        images=images_mark(split),
    )


def _nominal(split: Split, indices: Tensor, factors: Factors) -> tuple[bool, ...]:
    """Which factors have the values that the images have for labels."""
    some = indices[:_LABELS]
    labels = split.labels(some)
    if labels is None:
        return (False,) * factors.shape[1]
    known = labels.cpu().numpy()
    return tuple(bool((column == known).all()) for column in factors[: len(some)].T)


class SourceSampler:
    """Groups of freshly drawn images, as FactorVAE and BetaVAE define them; slow on a network.

    ``encode`` gives the codes (n, D) of images (n, C, H, W) in uint8. Fits
    :func:`ganzoo.metrics.disentanglement.factor_vae`, whose ``factors`` is :attr:`factors`.
    """

    def __init__(self, source: FactorSource, encode: Callable[[Tensor], Codes]) -> None:
        self._source, self._encode = source, encode
        self._varying = [place for place, size in enumerate(source.factor_sizes) if size > 1]

    @property
    def factors(self) -> int:
        """How many factors have more than one value."""
        return len(self._varying)

    def __call__(
        self, factor: int | None, groups: int, size: int, rng: np.random.Generator, /
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Codes (groups, size, D), as :class:`ganzoo.metrics.disentanglement.Sampler` says."""
        sizes = self._source.factor_sizes
        values = rng.integers(sizes, size=(groups, size, len(sizes)))
        if factor is not None:
            fixed = self._varying[factor]
            values[:, :, fixed] = values[:, :1, fixed]
        places = self._source.places(torch.from_numpy(values.reshape(-1, len(sizes))))
        chunks = torch.split(places, CHUNK)
        codes = [self._encode(self._source.gather(chunk)["image"]) for chunk in chunks]
        return np.concatenate(codes).reshape(groups, size, -1)


def _encode(loaded: Loaded, split: Split, indices: Tensor) -> dict[str, Tensor]:
    """Codes (n, columns) of some images, by name."""
    codes = loaded.encode(loaded.normalise(split.images(indices)))
    if not codes:
        raise NotApplicable(NO_CODES)
    return {name: values.cpu().reshape(len(indices), -1) for name, values in codes.items()}
