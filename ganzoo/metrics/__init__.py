"""What a score is, and how a metric says that it does not apply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OF_A_SCORE = {"value", "split", "n", "label", "unit", "note", "conditions", "headline"}
_OF_WHAT_WAS_SCORED = {"ema", "step", "data", "metric", "versions"}
RESERVED = frozenset(_OF_A_SCORE | _OF_WHAT_WAS_SCORED)
"""Keys of a score in ``scores.json`` that ``Score.extra`` may not use."""


class NotApplicable(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised by a metric that does not fit the model or its data; the message is the reason."""


@dataclass(frozen=True)
class Score:
    """One number about a trained model, with what it takes to trust it.

    A metric returns scores by name: ``metric/code`` for the score of one code, ``metric`` for one
    of the whole model.
    """

    value: float
    split: str | None
    """Split whose images were scored; None for generated images."""
    n: int
    """Number of images scored."""
    label: str = ""
    """Short name for a scorecard; the metric's name if left out."""
    unit: str = ""
    """``nats``, ``px``, …; ``share`` for a number from 0 to 1 that is shown in percent."""
    note: str = ""
    """How to read the number, in half a sentence."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further provenance, as JSON knows it. ``standard_error``, ``ceiling`` (the best possible
    value) and, where there is none, ``entropy`` are shown beside the number."""
    conditions: Sequence[str] = ()
    """Keys of ``extra`` whose values two runs must share for this score of theirs to be compared,
    beside ``split``, ``n``, ``protocol`` and ``extractor``."""
    headline: bool = False
    """Whether ``ganzoo runs`` shows it."""

    def __post_init__(self) -> None:
        unknown = set(self.conditions) - set(self.extra)
        if unknown:
            raise ValueError(f"a score's extra lacks {min(unknown)!r}, which conditions name")
        clash = RESERVED & set(self.extra)
        if clash:
            raise ValueError(f"a score's extra may not use the key {min(clash)!r}")
