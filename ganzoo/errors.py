"""Errors that a user can cause, told in the user's words."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class UserError(Exception):
    """Something a user can put right: shown without a traceback, exit code 2.

    ``what`` names the thing and what is wrong with it; ``hint`` is the way out.
    """

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return self.what if self.hint is None else f"{self.what}\n{self.hint}"


class OneProcessError(UserError):
    """What one process of a launch met alone, so that it has to say so itself."""


class LostProcessError(OneProcessError):
    """Another process of the run has died; each one that is left says so."""


class OfferError(UserError):
    """Something that a plugin offers cannot be used.

    ``plugin`` is the plugin's qualified name, ``reason`` what is wrong without it.
    """

    def __init__(self, plugin: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"plugin {plugin}: {reason}", hint=hint)
        self.plugin = plugin
        self.reason = reason


class SettingsError(UserError):
    """Every problem found in the settings of one command, one line each."""

    def __init__(self, title: str, problems: list[str], *, hint: str | None = None) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{title}\n{lines}", hint=hint)
        self.problems = problems


def in_one_line(text: str, limit: int) -> str:
    """``text`` as one printable line of at most ``limit`` characters; what is cut off is marked."""
    plain = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return plain if len(plain) <= limit else f"{plain[: limit - 4]} ..."


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was probably meant to be, if one is close enough."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` or an empty string: to be put behind an error."""
    match = near_miss(name, known)
    return f"; did you mean {match!r}?" if match else ""
