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
from ganzoo.settings import to_toml
from ganzoo.testing.bench import LocalAccelerator
from ganzoo.testing.cases import ModelCase, stand_ins
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ganzoo.testing.cases import PluginCase

_CALLED = {name for name in vars(Observer) if not name.startswith("_")}


def check_observers(case: PluginCase) -> None:
    """``ganzoo_observers`` gives observers of a run, and no method of theirs is misspelt."""
    own = [
        ModelCase(case.registry, offer, offer.spec.default_preset) for offer in case.offers("model")
    ]
    hosts = [*own, *stand_ins(case.registry)]
    found = [item for host in hosts for item in _given(case, host)]
    if not found:
        raise NotChecked("it watches no run of a model at hand")
    for item in found:
        kind = type(item)
        require(
            isinstance(item, Observer),
            f"yields a {kind.__name__}: subclass ganzoo.reporting.Observer",
        )
        odd = [
            f"{name} (did you mean {near}?)"
            for name in dir(kind)
            if name not in _CALLED and not name.startswith("_") and callable(getattr(kind, name))
            if (near := _meant(name))
        ]
        require(
            not odd,
            f"nobody calls {listed(odd)} of {kind.__name__}: put an underscore before the name if "
            "it is your own",
        )


def _given(case: PluginCase, host: ModelCase) -> list[object]:
    """What the plugin yields for a run of the model that is about to begin."""
    try:
        bench = host.bench()
    except NotChecked:
        return []
    plugins = case.registry.plugins
    known = len(plugins.complaints)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place))
        folder.settings.write_text(to_toml(bench.settings), encoding="utf-8")
        launched = Launch(cast("Accelerator", LocalAccelerator()), "fp32", "the check")
        run = Run(folder, bench.settings, bench.assembly, launched, case.registry)
        try:
            hooked = plugins.call("ganzoo_observers", run=run)
        except CONTAINED as error:  # with strict plugins
            raise ContractError(f"raises {one_line(error)}") from error
    told = [
        complaint.reason
        for complaint in plugins.complaints[known:]
        if complaint.subject == case.plugin.qualified
    ]
    require(not told, "; ".join(told))
    own = (items for plugin, items in hooked if plugin.qualified == case.plugin.qualified)
    return [item for items in own for item in items]


def _meant(name: str) -> str | None:
    """The method that a name was probably meant to be."""
    near = near_miss(name, _CALLED)
    return near if near is not None and _close(name, near) else None


def _close(name: str, other: str) -> bool:
    return name[:4] == other[:4] and abs(len(name) - len(other)) <= 2


CHECKS = (check_observers,)
