"""Decoded images on disk: written once and whole, then mapped into memory.

An entry is one file: an array of images and one of labels, both as ``.npy``, and a description as
JSON. It appears under its key once it is complete. So a reader finds a whole entry or none, whoever
else writes it or is killed meanwhile; of two writers the last one stays, and what the other has
mapped stays readable to it.

All entries together fill no more than ``GANZOO_CACHE_LIMIT``, in GiB (20 if it is unset). When one
is written, those that were used the longest ago go, except what a process holds: it has a lock on
the file as long as the images are mapped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganzoo.errors import UserError
from ganzoo.files import PARTIAL, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.convert import Bytes

_ABANDONED, _FORGOTTEN = 60, 24 * 3600
"""Seconds after which an unfinished file is one whose writer was killed: if nobody holds it, and in
any case, as there are file systems without locks."""
_SUFFIX = ".images"
_LIMIT = 20.0
"""GiB that all entries may fill together, if nothing else is said."""


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
    digest: str = ""
    """Of all images and labels in their order; empty where it was not taken."""

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
        return cache_folder() / f"{self.key}{_SUFFIX}"

    def load(self) -> Entry | None:
        """The entry, or None if there is none or it is damaged."""
        try:
            with self.path.open("rb") as file:
                entry = _read(file, self.shape)
        except (OSError, EOFError, ValueError, TypeError, AttributeError):
            return None
        with suppress(OSError):
            os.utime(self.path)  # it counts as used
        return entry

    @contextmanager
    def writing(self) -> Iterator[EntryFile]:
        """A file to append images to; it becomes the entry if it was completed in the block."""
        folder, limit = cache_folder(), cache_limit()
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        with whole_file(self.path) as file:
            with suppress(OSError):  # as above: a lock says that somebody writes
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            entry = EntryFile(file, self.shape)
            yield entry
            assert entry.completed, "a block that ends well has completed its entry"
        _make_room(folder, limit, self.path)


class EntryFile:
    """The file of an entry while it grows image by image."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int, int]) -> None:
        self.count = 0
        self.completed = False
        self._file = file
        self._shape = shape
        self._digest = hashlib.blake2b(repr(shape).encode(), digest_size=16)
        self._write_header()

    def append(self, image: Bytes) -> None:
        """Add one image of the shape that was agreed on."""
        assert image.shape == self._shape
        content = image.tobytes()
        self._file.write(content)
        self._digest.update(content)
        self.count += 1

    def complete(self, labels: list[int], description: Description) -> Entry:
        """Add the rest of the entry, once all images are there, and give what it holds."""
        kept = np.array(labels, dtype=np.int64)
        self._digest.update(kept.tobytes())
        np.save(self._file, kept, allow_pickle=False)
        description = replace(description, digest=self._digest.hexdigest())
        self._file.write(json.dumps(asdict(description)).encode())
        self._file.seek(0)
        self._write_header()  # with the final number of images, for which it has room
        self._file.flush()
        self._file.seek(0)
        entry = _read(self._file, self._shape)
        assert entry is not None, "what was just written can be read"
        self.completed = True
        return entry

    def _write_header(self) -> None:
        shape = (self.count, *self._shape)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


def cache_folder() -> Path:
    """Where decoded images are: ``images`` in ``GANZOO_CACHE``, by default ``~/.cache/ganzoo``."""
    return Path(os.environ.get("GANZOO_CACHE") or "~/.cache/ganzoo").expanduser() / "images"


def _remove_abandoned(folder: Path) -> None:
    for partial in folder.glob(f".*{_SUFFIX}.*{PARTIAL}"):
        with suppress(OSError):
            age = time.time() - partial.stat().st_mtime
            if age > _FORGOTTEN:
                partial.unlink()
            elif age > _ABANDONED:
                _remove_unheld(partial)


def cache_limit() -> int:
    """How many bytes all entries may fill. Raises UserError if the environment has no number."""
    text = os.environ.get("GANZOO_CACHE_LIMIT") or str(_LIMIT)
    try:
        limit = float(text) * 2**30
    except ValueError:
        limit = math.nan
    if not 0 <= limit < math.inf:
        raise UserError(f"GANZOO_CACHE_LIMIT should be a number of GiB, not {text!r}")
    return int(limit)


def _make_room(folder: Path, limit: int, newest: Path) -> None:
    """Remove the entries that were used the longest ago until all fit, but never the newest."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):  # another process has removed it
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit:
            return
        if path != newest and _remove_unheld(path):
            total -= size


def _remove_unheld(path: Path) -> bool:
    """Remove an entry unless a process holds it; gives whether it is gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # it is held, or there are no locks here
        return False
    return True


def _read(file: IO[bytes], shape: tuple[int, int, int]) -> Entry | None:
    """The entry in a file, which is held from now on; None if its images are of another shape."""
    with suppress(OSError):  # a file system without locks removes nothing
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    np.lib.format.read_magic(file)
    whole, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    if whole[1:] != shape or fortran_order or dtype != np.uint8:
        return None
    file.seek(start + math.prod(whole))
    labels = np.load(file, allow_pickle=False)
    description = Description(**json.loads(file.read()))
    if description.count != whole[0] or labels.shape != whole[:1] or labels.dtype != np.int64:
        return None
    # Copy on write: PyTorch wants memory that it may write to; the file must not change. The open
    # file is mapped, not what has its name by now, and with it its lock lives as long as the map.
    images = np.memmap(file, np.uint8, mode="c", offset=start, shape=whole)
    return Entry(description, images, labels)
