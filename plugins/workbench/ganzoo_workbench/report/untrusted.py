"""Values from files that anybody may have written: of the type that was expected, or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.errors import in_one_line

LONGEST = 300
"""Characters of a text that are shown."""

_MOST = 10**15
_LARGEST = 1e100


def table(value: object) -> Mapping[str, Any]:
    """A table, empty if the value is none."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """A list, empty if the value is none."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object, limit: int = LONGEST) -> str:
    """A text in one printable line, empty if the value is none."""
    return in_one_line(value, limit) if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """A whole number from 0 on that may count something."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST else None


def number(value: object) -> float | None:
    """A finite number of a size that can be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _LARGEST else None
