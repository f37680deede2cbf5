"""What the doctor finds out about one thing, and what to do about it. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganzoo.plugins import CONTAINED, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Mark = Literal["ok", "note", "problem"]
"""A problem keeps something from working, or makes it slow; a note is good to know."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    about: str
    """What was looked at, in at most 12 characters."""
    mark: Mark
    text: str
    advice: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Section:
    """Findings that belong together; each is looked for when it is asked for."""

    title: str
    findings: Iterable[Finding]


def ok(about: str, text: str, advice: str = "") -> Finding:
    """A finding as it should be."""
    return Finding(about, "ok", text, advice)


def note(about: str, text: str, advice: str = "") -> Finding:
    """A finding that is good to know."""
    return Finding(about, "note", text, advice)


def problem(about: str, text: str, advice: str) -> Finding:
    """A finding that needs something to be done."""
    return Finding(about, "problem", text, advice)


def contained(about: str, probe: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a probe; an error in it becomes a finding after those before it."""
    try:
        yield from probe()
    except CONTAINED as error:
        advice = "This error comes from what was looked at, or from the doctor itself."
        yield problem(about, f"cannot be looked at: {one_line(error)}", advice)


def at_home(path: str | Path) -> str:
    """A path, with ``~`` for the user's home."""
    try:
        return f"~/{Path(path).relative_to(Path.home())}".removesuffix("/.")
    except (ValueError, RuntimeError):  # it lies elsewhere, or nobody knows where home is
        return str(path)


def gigabytes(size: float) -> str:
    """A number of bytes for people."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size:.0f} bytes"
