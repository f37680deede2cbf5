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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ganzoo.data import FactorSource
    from ganzoo.loaded import Loaded, Split

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
    split: str


def disentanglement(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Score the codes read from images against the factors that the images were made from.

    One random sample of at most ``budget`` training images serves all scores. Those that ask about
    groups with one factor in common put them together from that sample: to encode fresh groups, as
    :class:`SourceSampler` does, takes 960,000 images for one score of the protocol ``locatello``.
    """
    locatello = measure.PROTOCOLS["locatello"]
    read = read_sample(loaded, min(budget, locatello.points))
    rows = min(len(read.codes), locatello.information_points)
    arrays = read.codes, read.factors
    first = read.codes[:rows], read.factors[:rows]
    marks = read.discrete

    def score(
        value: float, label: str, n: int = len(read.codes), note: str = "", **extra: object
    ) -> Score:
        about = {"protocol": "locatello", "codes": read.names, "factors": read.factor_names}
        return Score(value, read.split, n, label=label, note=note, extra=_plain(about | extra))

    def informed() -> dict[str, Score]:
        return {
            "mig": score(measure.mig(*first, discrete=marks), "MIG", rows),
            "modularity": score(
                measure.modularity(*first, discrete=marks),
                "modularity",
                rows,
                "noise may get 0.7: it does not ask how much a code knows",
            ),
        }

    def separated() -> dict[str, Score]:
        return {"sap": score(measure.sap(*arrays, discrete=marks, seed=SEED), "SAP")}

    def grown() -> dict[str, Score]:
        found = measure.dci(*arrays, discrete=marks, seed=SEED)
        return {
            f"dci_{part}": score(value, f"DCI {part}", trees="random forest")
            for part, value in asdict(found).items()
        }

    def explained() -> dict[str, Score]:
        value = measure.explicitness(*arrays, discrete=marks, seed=SEED)
        note = "mean area under the ROC curve; chance is 0.5"
        return {"explicitness": score(value, "explicitness", note=note)}

    parts = (informed, separated, grown, explained, *_votes(read, score))
    result: dict[str, Score] = {}
    for part in tracked(parts, "comparing codes with factors", len(parts)):
        result |= part()
    return result


def _votes(read: Read, score: Callable[..., Score]) -> list[Callable[[], dict[str, Score]]]:
    """One function for each score that asks about groups."""
    sampler = measure.PoolSampler(read.codes, read.factors)
    metrics = (
        ("factor_vae", "FactorVAE", measure.factor_vae),
        ("beta_vae", "BetaVAE", measure.beta_vae),
    )
    suffixes: dict[measure.ProtocolName, tuple[str, str]] = {
        "locatello": ("", ""),
        "infogan_cr": ("_infogan_cr", " (InfoGAN-CR)"),
    }

    def voted(
        protocol: measure.ProtocolName, name: str, label: str, metric: Callable[..., float]
    ) -> dict[str, Score]:
        suffix, remark = suffixes[protocol]
        value = metric(
            sampler, sampler.factors, discrete=read.discrete, protocol=protocol, seed=SEED
        )
        found = score(
            value,
            label + remark,
            note=f"chance is {1 / sampler.factors:.2g}; groups are put together from "
            f"{len(read.codes):,} images",
            protocol=protocol,
            groups=measure.PROTOCOLS[protocol].groups,
        )
        return {name + suffix: found}

    return [partial(voted, protocol, *each) for protocol in suffixes for each in metrics]


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
    columns = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    names = tuple(name for name, column in columns.items() for _ in range(column.shape[1]))
    return Read(
        codes=torch.cat([column.double() for column in columns.values()], dim=1).numpy(),
        names=names,
        discrete=tuple(not columns[name].is_floating_point() for name in names),
        factors=source.factors(indices).cpu().numpy(),
        factor_names=source.factor_names,
        split=split.name,
    )


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


def _plain(about: Mapping[str, object]) -> dict[str, object]:
    """What is said about a score as JSON knows it."""
    return {key: list(item) if isinstance(item, tuple) else item for key, item in about.items()}
