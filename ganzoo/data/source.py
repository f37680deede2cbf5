"""An opened split: what is known of its images before any of them is decoded."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ganzoo.data.columns import Rows, sample_indices
from ganzoo.data.convert import Header, UnreadableError, read_header
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_SAMPLE = 64


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
    content: Rows | ImageSource
    classes: tuple[str, ...] | None
    fingerprint: str
    """Changes with the content of the split."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the split was found, a sentence each."""

    def __len__(self) -> int:
        return len(self.content)

    def native_shape(self) -> NativeShape:
        """Look at up to 64 images, spread over the split.

        Raises:
            UserError: not one of them is an image.
        """
        if not isinstance(self.content, Rows):
            channels, height, width = self.content.image_shape
            return NativeShape(((height, width),), channels)
        headers, flaws = self._looked_at
        if not headers:
            raise UserError(
                f"{self.name!r}: none of {len(flaws)} images looked at can be read: {flaws[0]}"
                + (" and others" if len(flaws) > 1 else "")
            )
        sizes = {(header.height, header.width) for header in headers}
        grey = all(header.grey for header in headers)
        return NativeShape(tuple(sorted(sizes)), 1 if grey else 3)

    @cached_property
    def _looked_at(self) -> tuple[list[Header], list[str]]:
        """The headers of a sample of the images, and what is wrong with those that have none."""
        headers: list[Header] = []
        flaws: list[str] = []
        assert isinstance(self.content, Rows), "images made on demand have no headers"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about odd but readable files
            for item in self.content.take(sample_indices(len(self), _SAMPLE)):
                try:
                    headers.append(read_header(item.content))
                except UnreadableError as error:  # counted when all images are decoded
                    flaws.append(f"{item.name} ({error})")
        return headers, flaws
