"""Numbers that the environment gives."""

from __future__ import annotations

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
