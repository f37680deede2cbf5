"""An opened split: what is known of its images before any of them is decoded."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ganzoo.data.columns import Rows, sample_indices
from ganzoo.data.convert import Header, Target, UnreadableError, read_header
from ganzoo.data.shards import Shards
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.schema import DataSettings

_SAMPLE = 64
_SMALL = 128 * 128
"""Pixels of an image up to which a thread for it costs more than it brings."""


@runtime_checkable
class ImageSource(Protocol):
    """Images that a plugin makes on demand, such as rendered ones: nothing is decoded or cached.

    ``gather`` takes int64 indices (n,) on the CPU and gives ``image`` (n, C, H, W) as uint8 and,
    where there are classes, ``label`` (n,) as int64; further tensors (factors, say) are passed on.
    """

    image_shape: tuple[int, int, int]
    classes: tuple[str, ...] | None

    def __len__(self) -> int: ...

    def gather(self, indices: Tensor) -> Mapping[str, Tensor]:
        """The images ``indices`` and what belongs to them."""
        ...


@runtime_checkable
class FactorSource(ImageSource, Protocol):
    """Images of every combination of some factors, each of which has so many numbered values.

    The index counts through the combinations with the last factor fastest, so ``factors`` and
    ``places`` undo each other.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    """How many values each factor has; their product is the number of images."""

    def factors(self, indices: Tensor) -> Tensor:
        """The values (n, K) of the images ``indices`` (n,), all int64, from 0 to size - 1."""
        ...

    def places(self, factors: Tensor) -> Tensor:
        """The indices (n,) of the images with these ``factors`` (n, K)."""
        ...


@dataclass(frozen=True)
class NativeShape:
    """Sizes (height, width) and channels as they were seen on a sample of the images."""

    sizes: tuple[tuple[int, int], ...]
    """Every size seen, smallest first."""
    channels: int
    """1 if all images seen are grey, else 3."""

    @property
    def uniform(self) -> tuple[int, int, int] | None:
        """(C, H, W) if all images seen have one size, else None."""
        return (self.channels, *self.sizes[0]) if len(self.sizes) == 1 else None

    @property
    def side(self) -> int | None:
        """Side of the largest central square, if it is the same in all images seen, else None."""
        sides = {min(size) for size in self.sizes}
        return sides.pop() if len(sides) == 1 else None


@dataclass(frozen=True)
class Source:
    """One split of a data set, opened but not decoded."""

    name: str
    split: str
    content: Rows | Shards | ImageSource
    classes: tuple[str, ...] | None
    fingerprint: str
    """Changes with the content of the split."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the split was found, a sentence each."""

    def __len__(self) -> int:
        """The number of images; 0 where that is only known once all were read."""
        return 0 if isinstance(self.content, Shards) else len(self.content)

    def target(self, settings: DataSettings) -> Target:
        """What every image is made into.

        Raises:
            UserError: images of one size are asked for, but theirs differ, and none is set.
        """
        native = self.native_shape()
        side = settings.size or settings.crop or native.side
        if side is None:
            low, high = native.sizes[0], native.sizes[-1]
            raise UserError(
                f"the images of {self.name!r} differ in size: {_by(low)}, {_by(high)} and so on",
                hint="Say what size they are to be made, for example --set data.size=64",
            )
        return Target(side, settings.channels or native.channels, settings.crop)

    def native_shape(self) -> NativeShape:
        """Look at up to 64 images: spread over the split, or the first ones of a stream.

        Raises:
            UserError: not one of them is an image, or there are none.
        """
        if isinstance(self.content, ImageSource):
            channels, height, width = self.content.image_shape
            return NativeShape(((height, width),), channels)
        headers, flaws = self._looked_at
        if not headers and not flaws:
            raise UserError(f"{self.name!r} is empty: there are no rows in it")
        if not headers:
            raise UserError(
                f"{self.name!r}: none of {len(flaws)} images looked at can be read: {flaws[0]}"
                + (" and others" if len(flaws) > 1 else "")
            )
        sizes = {(header.height, header.width) for header in headers}
        grey = all(header.grey for header in headers)
        return NativeShape(tuple(sorted(sizes)), 1 if grey else 3)

    @property
    def is_large(self) -> bool:
        """Whether there are images of more pixels than one thread decodes as fast as several."""
        return max(height * width for height, width in self.native_shape().sizes) > _SMALL

    @cached_property
    def _looked_at(self) -> tuple[list[Header], list[str]]:
        """The headers of a sample of the images, and what is wrong with those that have none."""
        headers: list[Header] = []
        flaws: list[str] = []
        assert not isinstance(self.content, ImageSource), "images made on demand have no headers"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about odd but readable files
            for item in (
                self.content.first(_SAMPLE)
                if isinstance(self.content, Shards)
                else self.content.take(sample_indices(len(self), _SAMPLE))
            ):
                try:
                    headers.append(read_header(item.content))
                except UnreadableError as error:  # counted when all images are decoded
                    flaws.append(f"{item.name} ({error})")
        return headers, flaws


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
