"""Everything that the doctor looks at, in its order."""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

from ganzoo_workbench.doctor.findings import Section, contained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ganzoo.registry import Registry
    from ganzoo_workbench.doctor.findings import Finding


def examine(registry: Registry, *, online: bool) -> Iterator[Section]:
    """Each section; its probes run when its findings are iterated over. No probe's error ends it.

    The network is used only where ``online`` says so.
    """
    yield _section("Software", python="software:python", torch="software:torch_pair")
    yield _section(
        "Machine", device="hardware:device", cores="hardware:cores", memory="hardware:memory"
    )
    yield _section("Folders", folders="storage:storage")
    yield _section("Launching", accelerate="launching:launching")
    yield Section("Plugins", _findings("plugins", "offers:plugins", registry))
    yield _section("Optional packages", extras="software:extras")
    if online:
        yield _section("Network", hub="online:hub")
    yield Section("One turn of training", _findings("turn", "smoke:smoke", registry))


def _section(title: str, **probes: str) -> Section:
    return Section(title, chain.from_iterable(_findings(*probe) for probe in probes.items()))


def _findings(about: str, probe: str, *arguments: Any) -> Iterator[Finding]:
    """What a probe, ``module:function``, finds; its module is imported within the same net."""

    def look() -> Iterable[Finding]:
        module, _, function = probe.partition(":")
        found = getattr(import_module(f"ganzoo_workbench.doctor.{module}"), function)
        yield from found(*arguments)

    return contained(about, look)
