"""Decoded images on disk: written once and whole, then mapped into memory.

An entry is three files under one key: an array of images, one of labels, and a description, which
is written last. Writers of one key write the same, so that several processes may write at once;
whoever is last wins.
"""

from __future__ import annotations

import json
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

    def load(self) -> Entry | None:
        """The entry, or None if there is none or it is damaged."""
        try:
            description = Description(**json.loads(self._file("json").read_text(encoding="utf-8")))
            # Copy on write: PyTorch wants memory that it may write to; the file must not change.
            images = np.load(self._file("images.npy"), mmap_mode="c")
            labels = np.load(self._file("labels.npy"))
            expected = (description.count, *self.shape)
            whole = images.shape == expected and labels.shape == expected[:1]
            typed = images.dtype == np.uint8 and labels.dtype == np.int64
        except (OSError, EOFError, ValueError, TypeError, AttributeError):
            return None
        return Entry(description, images, labels) if whole and typed else None

    @contextmanager
    def writing_images(self) -> Iterator[ArrayFile]:
        """A file to append images to; it becomes part of the entry if the block ends well."""
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        with whole_file(self._file("images.npy")) as file:
            array = ArrayFile(file, self.shape)
            yield array
            array.finish()

    def complete(self, labels: list[int], description: Description) -> None:
        """Add the rest of the entry, once the images are there."""
        with whole_file(self._file("labels.npy")) as file:
            np.save(file, np.array(labels, dtype=np.int64))
        with whole_file(self._file("json")) as file:
            file.write(json.dumps(asdict(description)).encode())

    def _file(self, suffix: str) -> Path:
        return cache_folder() / f"{self.key}.{suffix}"


class ArrayFile:
    """An ``.npy`` file of uint8 that grows image by image."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int, int]) -> None:
        self.count = 0
        self._file = file
        self._shape = shape
        self._write_header()

    def append(self, image: Bytes) -> None:
        """Add one image of the shape that was agreed on."""
        assert image.shape == self._shape
        self._file.write(image.tobytes())
        self.count += 1

    def finish(self) -> None:
        """Put the final number of images into the header, which has room for it."""
        self._file.seek(0)
        self._write_header()

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
