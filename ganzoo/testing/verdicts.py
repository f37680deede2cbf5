"""What a check of the contract can say besides yes: no, and that there is nothing to check."""

from __future__ import annotations

from unittest import SkipTest


class ContractError(AssertionError):
    """A rule is broken; the message names the culprit and tells the author what to change."""


class NotChecked(SkipTest):
    """The rule says nothing about this subject; the message is the reason.

    Test runners take a :class:`unittest.SkipTest` for a test that is skipped.
    """


def require(held: object, message: str) -> None:
    """Raise :class:`ContractError` with ``message`` unless ``held``."""
    if not held:
        raise ContractError(message)


def listed(names: list[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
