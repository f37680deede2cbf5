"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTIAL = ".partial"
"""How the name of a file ends while it is being written."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` once it is complete and on the disk, or not at all.

    Until then it lies beside ``path`` under a name of this process. Missing folders are made.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all. Raises OSError."""
    with whole_file(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())
