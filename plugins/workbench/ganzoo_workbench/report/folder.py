"""Reads files of a run that may be anybody's: no links, nothing but files, nothing too large."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FileTooOddError(Exception):
    """A file that is there and is not read; the message is the reason, without a path."""


def read_file(folder: Path, *names: str, limit: int) -> bytes | None:
    """The content of ``folder/names[0]/names[1]/…``; None if there is no such file.

    Raises FileTooOddError for a link (also on the way below ``folder``), for anything that is no
    plain file, for one of more than ``limit`` bytes, and for one that cannot be read.
    """
    path = folder
    for name in names:
        path = path / name
        if path.is_symlink():
            raise FileTooOddError("it is a link" if name == names[-1] else f"{name} is a link")
    try:
        # Opened without waiting: the other end of a pipe may never come.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileTooOddError(error.strerror or "it cannot be read") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileTooOddError("it is no plain file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileTooOddError(f"it has more than {limit:,} bytes")
    return content
