"""Probes of plugins: loaded, broken, disabled, and names that two of them offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import OfferError
from ganzoo.registry import NOUNS, distinct
from ganzoo_workbench.doctor.findings import note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.registry import Registry
    from ganzoo_workbench.doctor.findings import Finding


def plugins(registry: Registry) -> Iterator[Finding]:
    """What became of every plugin that is installed."""
    found = registry.plugins
    clashes = list(_clashes(registry))  # asks for all offers, whereupon plugins are complained of
    by_package: dict[str, list[str]] = {}
    for plugin in found.loaded:
        by_package.setdefault(plugin.package, []).append(plugin.name)
    for package, names in by_package.items():
        yield ok("loaded", f"{', '.join(names)} from {package}")
    if found.alone is not None:
        yield note("none", found.alone, "Nothing can be trained without a plugin.")
    for plugin in found.loaded:
        if plugin.imports_torch:
            text = f"{plugin.qualified} imports torch at load: it slows every command"
            yield note("slow", text, "Import torch in the functions that need it.")
    for broken in found.broken:
        yield problem(
            "broken",
            f"{broken.name} from {broken.package}: {broken.reason}",
            f"Upgrade {broken.distribution}, remove it, or leave the plugin out with "
            f"GANZOO_DISABLE_PLUGINS={broken.qualified}; more: ganzoo plugins -v",
        )
    for complaint in found.complaints:
        text = f"{complaint.subject}: {complaint.reason}"
        yield problem("complaint", text, "See the whole story with: ganzoo plugins -v")
    for disabled in found.disabled:
        yield note("disabled", f"{disabled.name} from {disabled.package}: {disabled.reason}")
    yield from clashes


def _clashes(registry: Registry) -> Iterator[Finding]:
    """Names that cannot be used alone; and presets that cannot be read are complained of."""
    for kind, noun in NOUNS.items():
        offers = registry.all(kind)
        for name in sorted({offer.name for offer in offers}):
            rivals = registry.matching(kind, name)
            if len(rivals) > 1:
                owners = " and ".join(dict.fromkeys(offer.origin for offer in rivals))
                yield problem(
                    "clash",
                    f"several plugins offer a {noun} called {name}: {owners}",
                    f"Say {' or '.join(distinct(rivals))}, or leave one out with "
                    "GANZOO_DISABLE_PLUGINS.",
                )
    for offer in registry.all("model"):
        try:
            registry.presets(offer)
        except OfferError as error:
            registry.plugins.complain(error.plugin, error.reason, error)
