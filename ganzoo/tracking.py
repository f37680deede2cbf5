"""Whether the trackers that a run asks for can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerate.tracking import get_available_trackers

from ganzoo.errors import UserError
from ganzoo.requirements import installing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.plugins import Plugins


def refuse_absent(trackers: Sequence[str], plugins: Plugins) -> None:
    """Raise UserError where one of ``train.trackers`` is not installed, or no plugin serves them.

    No tracker is imported for that.
    """
    there = {str(tracker) for tracker in get_available_trackers()}
    for name in trackers:
        if name not in there:
            raise UserError(
                f"train.trackers asks for {name}, which is not installed",
                hint=f"Install it with: {installing(name)}\n"
                "Or go without: --set 'train.trackers=[]'",
            )
    if trackers and not any("ganzoo_observers" in plugin.hooks for plugin in plugins.loaded):
        raise UserError(
            f"train.trackers asks for {trackers[0]}, but no loaded plugin watches trainings",
            hint=plugins.why_incomplete() or "See which are disabled with: ganzoo plugins",
        )
