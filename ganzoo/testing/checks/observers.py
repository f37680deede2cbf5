"""The rule of what a plugin gives to watch a training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ganzoo.errors import near_miss
from ganzoo.folder import RunFolder
from ganzoo.launch import Launch
from ganzoo.plugins import CONTAINED, one_line
from ganzoo.reporting import Observer
from ganzoo.run import Run
from ganzoo.testing.bench import LocalAccelerator
from ganzoo.testing.cases import stand_ins
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerate import Accelerator

    from ganzoo.testing.cases import PluginCase

_CALLED = {name for name in vars(Observer) if not name.startswith("_")}


def check_observers(case: PluginCase) -> None:
    """``ganzoo_observers`` gives observers of a run, and no method of theirs is misspelt."""
    host = next(iter(stand_ins(case.registry)), None)
    if host is None:
        raise NotChecked("no model is installed of which a run could be watched")
    bench = host.bench()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            RunFolder(Path(folder)),
            bench.settings,
            bench.assembly,
            Launch(cast("Accelerator", LocalAccelerator()), "fp32", "the check"),
            case.registry,
        )
        for item in _given(case, run):
            kind = type(item)
            require(
                isinstance(item, Observer),
                f"yields a {kind.__name__}: subclass ganzoo.reporting.Observer",
            )
            odd = [
                f"{name} (did you mean {near}?)"
                for name in dir(kind)
                if name not in _CALLED and not name.startswith("_") and (near := _meant(name))
            ]
            require(
                not odd,
                f"nobody calls {listed(odd)} of {kind.__name__}: put an underscore before the "
                "name if it is your own",
            )


def _given(case: PluginCase, run: Run) -> Iterator[object]:
    """What the plugin yields for the run."""
    plugins = case.registry.plugins
    known = len(plugins.complaints)
    try:
        for plugin, items in plugins.call("ganzoo_observers", run=run):
            if plugin.qualified == case.plugin.qualified:
                yield from items
    except CONTAINED as error:  # with strict plugins
        raise ContractError(f"raises {one_line(error)}") from error
    told = [each.reason for each in plugins.complaints[known:]]
    require(not told, "; ".join(told))


def _meant(name: str) -> str | None:
    """The method that a name was probably meant to be."""
    near = near_miss(name, _CALLED)
    return near if near is not None and _close(name, near) else None


def _close(name: str, other: str) -> bool:
    return name[:4] == other[:4] and abs(len(name) - len(other)) <= 2


CHECKS = (check_observers,)
