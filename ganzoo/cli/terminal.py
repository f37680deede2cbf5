"""What the terminal can show: how wide it is, and whether it wants colour."""

from __future__ import annotations

import os
import shutil
import sys

WIDEST = 100
"""Columns beyond which text is hard to read; also what a pipe or a file gets."""
NARROWEST = 40
"""Columns below which tables fall apart whatever is done."""
LEAST = 20
"""Columns that a wrapped text at the end of a row gets, even if the row becomes too long."""


def width() -> int:
    """Columns to lay text out for."""
    if not sys.stdout.isatty():
        return WIDEST
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))


def watched() -> bool:
    """Whether someone sees what a command says, and may be told how far it is."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def colour() -> bool | None:
    """Click's ``color``: False never, None where the stream is a terminal.

    Colour is off wherever NO_COLOR is set to anything (https://no-color.org).
    """
    return False if os.environ.get("NO_COLOR") else None
