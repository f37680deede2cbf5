"""One malformed input as data: how it is made, the command that meets it, what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], None]
"""Writes the input into the working folder."""

RUN = "run"
"""The folder in which a case with ``trained`` finds a trained run."""


def nothing(here: Path) -> None:
    """The command alone is the input."""


@dataclass(frozen=True)
class Case:
    """What a command does with one malformed input."""

    name: str
    command: str
    """As in a shell, without ``ganzoo``."""
    says: str
    """A part of the message: it names the thing."""
    make: Make = nothing
    trained: bool = False
    """Whether ``make`` finds a trained run in the folder ``run``."""
    begins: bool = False
    """Whether the command tells of a training before it meets the input."""


def file(name: str, content: str | bytes) -> Make:
    """Write one file."""

    def make(here: Path) -> None:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def change(name: str, edit: Callable[[bytes], bytes]) -> Make:
    """Change a file of the trained run."""

    def make(here: Path) -> None:
        path = here / RUN / name
        path.write_bytes(edit(path.read_bytes()))

    return make


def remove(name: str) -> Make:
    """Remove a file of the trained run."""
    return lambda here: (here / RUN / name).unlink()


def both(*makes: Make) -> Make:
    """Do one after the other."""

    def make(here: Path) -> None:
        for each in makes:
            each(here)

    return make
