"""Rules of a data set."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.data import FactorSource, ImageSource, Source, open_source
from ganzoo.data.columns import Rows
from ganzoo.data.convert import Target, UnreadableError, to_array
from ganzoo.errors import UserError
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
from ganzoo.testing.bench import unequal
from ganzoo.testing.verdicts import ContractError, NotChecked, require

if TYPE_CHECKING:
    from ganzoo.registry import Offer
    from ganzoo.testing.cases import DatasetCase


def check_dataset(case: DatasetCase) -> None:
    """The split opens and its first, middle and last image can be had, as uint8 of one shape."""
    source = _opened(case)
    require(len(source), f"the split {case.split!r} is empty")
    indices = _some(source)
    if isinstance(source.content, Rows):
        _check_rows(source, source.content, indices)
        return
    assert isinstance(source.content, ImageSource), "nothing is streamed here"
    batch = source.content.gather(indices)
    require("image" in batch, "gather() gives no `image`")
    image, shape = batch["image"], (len(indices), *source.content.image_shape)
    require(image.dtype == torch.uint8, f"gather() gives images of {image.dtype}, not uint8")
    require(
        image.shape == shape,
        f"gather() gives images {tuple(image.shape)}; image_shape promises {shape}",
    )
    _check_labels(batch.get("label"), source, len(indices))


def check_gather_is_deterministic(case: DatasetCase) -> None:
    """The same index always gives the same image, whatever is asked for beside it."""
    source = _opened(case)
    if not isinstance(source.content, ImageSource):
        raise NotChecked("its images are stored, not made")
    indices = _some(source)
    torch.manual_seed(1)
    together = source.content.gather(indices)
    torch.manual_seed(2)
    alone = [source.content.gather(index.view(1)) for index in indices]
    joined = {name: torch.cat([each[name] for each in alone]) for name in together}
    differing = unequal(together, joined)
    require(
        not differing,
        f"gather() gives another {', '.join(differing)} for the same indices: make everything a "
        "function of the index",
    )


def check_factors(case: DatasetCase) -> None:
    """Factors name the images: ``factors`` and ``places`` undo each other."""
    content = _opened(case).content
    if not isinstance(content, FactorSource):
        raise NotChecked("it knows no factors")
    sizes = content.factor_sizes
    require(
        len(sizes) == len(content.factor_names), "factor_names and factor_sizes differ in length"
    )
    require(
        math.prod(sizes) == len(content),
        f"factor_sizes {sizes} make {math.prod(sizes)} images, but there are {len(content)}",
    )
    indices = torch.linspace(0, len(content) - 1, 50, dtype=torch.float64).long()
    factors = content.factors(indices)
    require(
        bool((factors >= 0).all() and (factors < torch.tensor(sizes)).all()),
        "factors() gives values beyond factor_sizes",
    )
    require(torch.equal(content.places(factors), indices), "places() does not undo factors()")


class _Asking(Registry):
    """A registry whose data sets may say that they cannot be had here."""

    def load(self, offer: Offer[Any]) -> Any:
        found = super().load(offer)

        def opened(split: str) -> Any:
            try:
                return found(split)
            except UserError as error:
                raise NotChecked(f"cannot be had here: {error.what}") from error

        return opened


# Opening may take seconds, and the checks of one split follow each other.
@lru_cache(maxsize=1)
def _opened(case: DatasetCase) -> Source:
    settings = DataSettings(name=case.offer.qualified, split=case.split)
    try:
        return open_source(settings, _Asking(case.registry.plugins), case.split)
    except UserError as error:
        raise ContractError(str(error)) from error


def _some(source: Source) -> Tensor:
    last = len(source) - 1
    return torch.tensor([0, last // 2, last])


def _check_rows(source: Source, rows: Rows, indices: Tensor) -> None:
    seen = source.native_shape()
    target = Target(min(min(size) for size in seen.sizes), seen.channels)
    for item in rows.take(indices.tolist()):
        try:
            to_array(item.content, target)
        except UnreadableError as error:
            raise ContractError(f"the image {item.name} cannot be read: {error}") from error
    labels = torch.tensor([item.label for item in rows.take(indices.tolist())])
    _check_labels(labels if rows.label else None, source, len(indices))


def _check_labels(labels: Tensor | None, source: Source, count: int) -> None:
    if source.classes is None:
        return
    require(labels is not None, "there are classes, but gather() gives no `label`")
    assert labels is not None
    right = labels.dtype == torch.int64 and labels.shape == (count,)
    require(right, f"labels are {labels.dtype} {tuple(labels.shape)}, not int64 (n,)")
    classes = len(source.classes)
    low, high = int(labels.min()), int(labels.max())
    require(low >= -1 and high < classes, f"labels from {low} to {high}, with {classes} classes")


CHECKS = (check_dataset, check_gather_is_deterministic, check_factors)
