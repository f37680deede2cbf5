"""What happened in a run besides its figures: warnings, rollbacks, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "begun", "continued", "pictured", "warning", "over", "diverged", "rolled back", "stopping"
]


@dataclass(frozen=True)
class Event:
    """One line of ``events.jsonl``.

    ``begun`` and ``continued`` say where a process started, ``pictured`` carries the figures of a
    picture, a ``warning`` is followed by ``over`` once its cause is gone, ``diverged`` names what
    is no number any more, ``rolled back`` says where the run goes on, ``stopping`` names a signal.
    """

    step: int
    kind: Kind
    message: str = ""
    """What a person should read; empty where there is nothing to tell."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The same for a program: names and figures."""

    def line(self) -> dict[str, Any]:
        """As it is written."""
        return {"step": self.step, "event": self.kind, "message": self.message, **self.details}
