"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from itertools import count
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any

from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTIAL = ".partial"
"""How the name of a file ends while it is being written."""


_LONGEST = 100


@contextmanager
def told_unwritable(path: Path, hint: str = "Make room or choose another place.") -> Iterator[None]:
    """Turn an OSError of writing to ``path``, or below it, into a UserError."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, hint) from error


def unwritable(path: Path, error: OSError, hint: str) -> UserError:
    """What to tell the user of an OSError of writing to ``path``, or below it."""
    # Of a renaming the second name is the file that was to be there.
    place = error.filename2 or error.filename or path
    return UserError(f"cannot write {place}: {error.strerror or error}", hint=hint)


def plain_name(text: str) -> str:
    """``text`` as the name of a file, or a part of one: it leads into no other folder.

    ASCII letters, digits, ``_``, ``-`` and ``.`` (but not at the start) stay, anything else becomes
    ``-``; what exceeds 100 characters is cut off.
    """
    return re.sub(r"^\.|[^\w.-]", "-", text, flags=re.ASCII)[:_LONGEST]


def numbered(stem: str) -> Iterator[str]:
    """``stem``, ``stem-2``, ``stem-3`` and so on, of which the first that is free is taken."""
    yield stem
    yield from (f"{stem}-{number}" for number in count(2))


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` once it is complete and on the disk, or not at all.

    Until then it lies beside ``path`` under a name that no other writer has, on whatever machine.
    Missing folders are made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{token_hex(4)}{PARTIAL}")
    try:
        with partial.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # as of a write to a full disk
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all. Raises OSError."""
    with whole_file(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def remove_abandoned(folder: Path) -> None:
    """Remove files below ``folder`` whose writer was killed; nobody may be writing there."""
    for path in folder.rglob(f".*{PARTIAL}"):
        if path.is_file():
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
