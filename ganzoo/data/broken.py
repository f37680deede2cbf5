"""Images that cannot be read: named, counted, and refused beyond a stated share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.data.columns import UNLABELLED
from ganzoo.data.convert import REMARKS
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ganzoo.data.store import Description

NAMED = 5
"""Broken images that are named; the others are counted."""


def check_broken(name: str, description: Description, share: float) -> None:
    """Raise UserError if more than a ``share`` of the images of ``name`` are broken, or all."""
    if description.count == 0 or description.skipped > share * description.total:
        raise UserError(
            f"{_count(description)} of {name!r} cannot be read: {_listed(description)}",
            hint=f"At most a share of {share:g} may be broken: remove them, or raise it with "
            "--set data.broken_share=SHARE",
        )


def notes_on(description: Description, labels: Tensor | None) -> Iterator[str]:
    """What was converted, what is left out, and what has no label, a sentence each."""
    for name, sentence in REMARKS.items():
        if times := description.remarks.get(name):
            yield f"{sentence} {times:,} of {description.count:,} images"
    if description.skipped:
        yield left_out(description)
    if labels is not None and (missing := int((labels == UNLABELLED).sum())):
        yield f"{missing:,} of {description.count:,} images have no label"


def left_out(description: Description) -> str:
    """Which images are left out, in a sentence."""
    return f"{_count(description)} cannot be read and are left out: {_listed(description)}"


def _count(description: Description) -> str:
    return f"{description.skipped:,} of {description.total:,} images"


def _listed(description: Description) -> str:
    more = description.skipped - len(description.broken)
    return ", ".join(description.broken) + (f" and {more:,} more" if more else "")
