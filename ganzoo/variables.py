"""What variables of the environment say."""

from __future__ import annotations

import os

from ganzoo.errors import UserError, in_one_line

DIGITS = 9
"""Of such a number, at most: as seconds 31 years."""


def whole_number(name: str, text: str, what: str, *, least: int = 0) -> int:
    """The number that the variable of that name holds.

    Raises:
        UserError: it holds none, too small a one or too long a one; it should hold ``what``.
    """
    if not text.isdecimal() or len(text) > DIGITS or int(text) < least:
        raise UserError(f"{name} should be {what}, not {in_one_line(text, DIGITS + 1)!r}")
    return int(text)


def is_launched() -> bool:
    """Whether torchrun, which accelerate uses too, started this process.

    ``RANK`` alone says little: some clusters set it for whatever runs in them.
    """
    return "TORCHELASTIC_RUN_ID" in os.environ


def another_tells() -> bool:
    """Whether this is one of the processes of a launch of which another one, the first, talks."""
    return is_launched() and os.environ.get("RANK", "0") != "0"
