"""ModelCentrality: choose among trained models without labels, by how well they read each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from ganzoo import UserError
from ganzoo.data import to_uint8
from ganzoo.metrics.disentanglement import factor_vae

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ganzoo import Latents
    from ganzoo.loaded import Loaded

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

CHUNK = 1_000
"""Images that are in memory at once."""

GROUPS, SIZE = 500, 100
"""Groups of images with one code in common, and images in one, as published."""

MOST_FREE = 10_000
"""Images at most from which the overall spread of a code is taken; 73,728 are published."""


def centrality(models: Sequence[Loaded], groups: int = GROUPS, size: int = SIZE) -> Floats:
    """How well each model (N,) and the others read each other's images, from chance to 1.

    Lin et al. 2020, section 4: the FactorVAE score of one model's reading on another's generated
    images, with the generator's codes for factors, averaged both ways and over the other models.

    Raises:
        UserError: there are fewer than three models or fewer groups than codes, one has fewer than
            two codes or does not read them all, or they are of images of different shapes.
    """
    if len(models) < 3:
        raise UserError(
            f"{len(models)} runs have no middle", hint="Name at least three different runs."
        )
    for model in models:
        if model.prior is None or len(model.prior.codes) < 2:
            raise UserError(f"{model.settings.model.name} has fewer than two codes to compare by")
        if groups < len(model.prior.codes):
            raise UserError(
                f"{groups} groups are fewer than the {len(model.prior.codes)} codes of "
                f"{model.settings.model.name}",
                hint=f"Take at least {len(model.prior.codes)}, and better 500.",
            )
    if len({model.data.image_shape for model in models}) > 1:
        raise UserError("the runs are of images of different shapes, which others cannot read")
    scores = np.array([[_score(one, other, groups, size) for other in models] for one in models])
    return mean_of_others((scores + scores.T) / 2)


def mean_of_others(scores: Floats) -> Floats:
    """The mean of each row (N,) of scores (N, N), its own place left out."""
    count = len(scores)
    rows: Floats = (scores.sum(axis=1) - scores.diagonal()) / (count - 1)
    return rows


def _score(reader: Loaded, source: Loaded, groups: int, size: int) -> float:
    if reader is source:
        return 1.0
    sampler = GroupSampler(reader, source, free=min(MOST_FREE, groups * size))
    return factor_vae(
        sampler,
        len(sampler.codes),
        discrete=sampler.discrete,
        protocol="infogan_cr",
        groups=groups,
        size=size,
    )


class GroupSampler:
    """What ``reader`` reads from groups of images of ``source`` that have one code in common.

    It is a :class:`ganzoo.metrics.disentanglement.Sampler`. Images without a common code are drawn
    from ``free`` of them, which are generated once.
    """

    def __init__(self, reader: Loaded, source: Loaded, free: int) -> None:
        assert source.prior is not None, "a model without codes was refused"
        assert reader.prior is not None, "a model without codes was refused"
        self.reader, self.source, self.prior = reader, source, source.prior
        self.codes = tuple(source.prior.codes)
        self.discrete = [code.trained is None for code in reader.prior.codes.values()]
        self._free = self._read(None, 1, free, seed=0)[0]

    def __call__(
        self, factor: int | None, groups: int, size: int, rng: np.random.Generator, /
    ) -> Floats:
        """Codes (groups, size, D)."""
        if factor is None:
            anywhere: Floats = self._free[rng.integers(len(self._free), size=(groups, size))]
            return anywhere
        return self._read(self.codes[factor], groups, size, seed=int(rng.integers(2**31)))

    def _read(self, common: str | None, groups: int, size: int, seed: int) -> Floats:
        latents = self.source.draw(groups * size, seed)
        if common is not None:
            values = latents.parts[common].view(groups, size)[:, :1].expand(-1, size)
            latents = self.prior.replace(latents, common, values.reshape(-1))
        starts = range(0, groups * size, CHUNK)
        chunks = [self._columns(latents.rows(slice(at, at + CHUNK)), seed + at) for at in starts]
        codes: Floats = torch.cat(chunks).cpu().numpy().reshape(groups, size, -1)
        return codes

    def _columns(self, latents: Latents, seed: int) -> Tensor:
        """What the reader reads from images of these latents, (n, D) in the prior's order."""
        images = to_uint8(self.source.generate(latents, seed), self.source.model.image_range)
        read = self.reader.encode(self.reader.normalise(images))
        if read is None:
            raise UserError(f"{self.reader.settings.model.name} reads no codes from images")
        assert self.reader.prior is not None, "a model without codes was refused"
        if unread := [name for name in self.reader.prior.codes if name not in read]:
            raise UserError(
                f"{self.reader.settings.model.name} does not read {', '.join(unread)} from images"
            )
        return torch.stack([read[name].cpu().double() for name in self.reader.prior.codes], dim=1)
