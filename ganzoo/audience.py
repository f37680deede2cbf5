"""Who is told of a run: the host's own observers, and those of plugins, which may fail alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.events import Event
from ganzoo.plugins import CONTAINED, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ganzoo.reporting import Observer


class Audience:
    """The observers of a run. One of a plugin that raises an error is dropped, and that is told.

    What one of the host's raises ends the run, as a UserError of any does; with ``strict``, every
    error.
    """

    def __init__(
        self,
        own: Sequence[Observer] = (),
        guests: Sequence[tuple[str, Observer]] = (),
        *,
        strict: bool = False,
    ) -> None:
        """``guests`` are observers of plugins, each with the qualified name of its plugin."""
        self._own = tuple(own)
        self._guests = list(guests)
        self._strict = strict

    def tell(self, step: int, tell: Callable[[Observer], None]) -> None:
        """Call ``tell`` with each observer; ``step`` is the turn up to which the run has come."""
        for observer in self._own:
            tell(observer)
        staying, failures = [], []
        for plugin, observer in self._guests:
            try:
                tell(observer)
            except UserError:
                raise
            except CONTAINED as error:
                if self._strict:
                    raise
                failures.append(f"an observer of plugin {plugin} raises {one_line(error)}")
            else:
                staying.append((plugin, observer))
        self._guests = staying
        for failure in failures:
            # To the host's own alone: others may have been told already that the run has finished.
            what = f"{failure}; it is told nothing more of this run (GANZOO_STRICT_PLUGINS=1: why)"
            for observer in self._own:
                observer.happened(Event(step, "warning", what))
