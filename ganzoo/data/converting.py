"""Many undecoded images turned into arrays: by threads, or a batch at a time."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ganzoo.cores import allowed_cores
from ganzoo.data.convert import Bytes, Target, UnreadableError, to_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.data.columns import Encoded

Result = tuple[Bytes, tuple[str, ...]] | UnreadableError
"""An image (C, H, W) with the remarks on it, or why there is none."""

_MOST_THREADS = 16


def converted(
    parts: Iterable[list[Encoded]], target: Target, *, threads: bool, total: int, name: str
) -> Iterator[tuple[Encoded, Result]]:
    """Every image with what became of it, in order; a bar shows how many of ``total`` are done.

    Small images are better converted without ``threads``: too little is done outside Python.
    """

    def convert(item: Encoded) -> Result:
        try:
            return to_array(item.content, target)
        except UnreadableError as error:
            return error

    pool = ThreadPoolExecutor(min(allowed_cores(), _MOST_THREADS)) if threads else nullcontext()
    bar = tqdm(total=total, desc=f"decoding {name}", unit="img", delay=1, leave=False, disable=None)
    with pool as executor, bar, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about odd but readable files
        for items in parts:
            results = map(convert, items) if executor is None else executor.map(convert, items)
            yield from zip(items, results, strict=True)
            bar.update(len(items))


@dataclass(frozen=True)
class Batch:
    """Converted images, each in its place; those that are broken lack."""

    images: Bytes
    """(n, C, H, W), black where one is broken."""
    labels: npt.NDArray[np.int64]
    """(n,)."""
    whole: npt.NDArray[np.bool_]
    """(n,), False where one is broken."""
    broken: list[str]
    """Each broken image with the reason."""


def convert_batch(items: list[Encoded], target: Target) -> Batch:
    """Convert some images, one after the other."""
    images = np.zeros((len(items), target.channels, target.side, target.side), np.uint8)
    whole = np.ones(len(items), np.bool_)
    broken = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about odd but readable files
        for place, item in enumerate(items):
            try:
                images[place], _ = to_array(item.content, target)
            except UnreadableError as error:
                whole[place] = False
                broken.append(f"{item.name} ({error})")
    return Batch(images, np.array([item.label for item in items], np.int64), whole, broken)
