"""Warnings while a training goes wrong: each once, when it begins to last, and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS = 3
"""Reports in a row that show a symptom before it is told."""

PICTURES = 2
"""Pictures in a row; a young generator gives one picture of nothing at all."""


class Episodes:
    """Turns symptoms, looked for again and again, into a warning for each time that one lasts."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._seen: dict[str, int] = {}
        self._told: dict[str, str] = {}

    def heed(self, step: int, symptoms: Mapping[str, str]) -> list[Event]:
        """What to tell after a look that found ``symptoms``: sentences by a short name."""
        events = []
        for name in self._told.keys() - symptoms.keys():
            message = f"no longer: {self._told.pop(name)}"
            events.append(Event(step, "over", message, {"symptom": name}))
        self._seen = {name: self._seen.get(name, 0) + 1 for name in symptoms}
        for name, message in symptoms.items():
            if self._seen[name] >= self.patience and name not in self._told:
                self._told[name] = message
                events.append(Event(step, "warning", message, {"symptom": name}))
        return events
