"""Decoded images on disk: written once and whole, then mapped into memory.

An entry is one file: an array of images and one of labels, both as ``.npy``, and a description as
JSON. It appears under its key once it is complete. So a reader finds a whole entry or none, whoever
else writes it or is killed meanwhile; of two writers the last one stays, and what the other has
mapped stays readable to it.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganzoo.files import PARTIAL, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.convert import Bytes

_ABANDONED = 24 * 3600
"""Seconds after which an unfinished file is taken for one whose writer was killed."""


@dataclass(frozen=True)
class Description:
    """What happened when the images of an entry were decoded."""

    count: int
    """Images in the entry."""
    skipped: int
    """Images that could not be read."""
    broken: list[str]
    """The first few of them, each with the reason."""
    remarks: dict[str, int]
    """How many images each of :data:`ganzoo.data.convert.REMARKS` holds for."""

    @property
    def total(self) -> int:
        """Images that were looked at."""
        return self.count + self.skipped


@dataclass(frozen=True)
class Entry:
    """A whole entry: images (N, C, H, W) mapped from their file, and labels (N,)."""

    description: Description
    images: Bytes
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slot:
    """The place of one entry: its key, and the shape (C, H, W) of its images."""

    key: str
    shape: tuple[int, int, int]

    @property
    def path(self) -> Path:
        """The file of the entry."""
        return cache_folder() / f"{self.key}.images"

    def load(self) -> Entry | None:
        """The entry, or None if there is none or it is damaged."""
        try:
            with self.path.open("rb") as file:
                return self._read(file)
        except (OSError, EOFError, ValueError, TypeError, AttributeError):
            return None

    @contextmanager
    def writing(self) -> Iterator[EntryFile]:
        """A file to append images to; it becomes the entry if it was completed in the block."""
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        with whole_file(self.path) as file:
            entry = EntryFile(file, self.shape)
            yield entry
            assert entry.completed, "a block that ends well has completed its entry"

    def _read(self, file: IO[bytes]) -> Entry | None:
        np.lib.format.read_magic(file)
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        if shape[1:] != self.shape or fortran_order or dtype != np.uint8:
            return None
        file.seek(start + math.prod(shape))
        labels = np.load(file, allow_pickle=False)
        description = Description(**json.loads(file.read()))
        if description.count != shape[0] or labels.shape != shape[:1] or labels.dtype != np.int64:
            return None
        # Copy on write: PyTorch wants memory that it may write to; the file must not change. The
        # open file is mapped, not what has its name by now.
        images = np.memmap(file, np.uint8, mode="c", offset=start, shape=shape)
        return Entry(description, images, labels)


class EntryFile:
    """The file of an entry while it grows image by image."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int, int]) -> None:
        self.count = 0
        self.completed = False
        self._file = file
        self._shape = shape
        self._write_header()

    def append(self, image: Bytes) -> None:
        """Add one image of the shape that was agreed on."""
        assert image.shape == self._shape
        self._file.write(image.tobytes())
        self.count += 1

    def complete(self, labels: list[int], description: Description) -> None:
        """Add the rest of the entry, once all images are there."""
        np.save(self._file, np.array(labels, dtype=np.int64), allow_pickle=False)
        self._file.write(json.dumps(asdict(description)).encode())
        self._file.seek(0)
        self._write_header()  # with the final number of images, for which it has room
        self.completed = True

    def _write_header(self) -> None:
        shape = (self.count, *self._shape)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


def cache_folder() -> Path:
    """Where decoded images are: ``images`` in ``GANZOO_CACHE``, by default ``~/.cache/ganzoo``."""
    return Path(os.environ.get("GANZOO_CACHE") or "~/.cache/ganzoo").expanduser() / "images"


def _remove_abandoned(folder: Path) -> None:
    for partial in folder.glob(f"*{PARTIAL}"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED:
                partial.unlink()
