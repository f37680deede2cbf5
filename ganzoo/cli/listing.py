"""Commands that list the offers of plugins, and the plugins themselves."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.arguments import json_option
from ganzoo.cli.showing import preset_lines, show_command
from ganzoo.cli.terminal import LEAST, width
from ganzoo.discovery import survey
from ganzoo.errors import OfferError
from ganzoo.hookspecs import DatasetSpec, MetricSpec, ModelSpec
from ganzoo.plugins import BrokenPlugin, DisabledPlugin, LoadedPlugin, Plugin
from ganzoo.registry import HOOKS, NOUNS, distinct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ganzoo.hookspecs import Spec
    from ganzoo.plugins import Plugins
    from ganzoo.presets import Preset
    from ganzoo.registry import Kind, Offer, Registry

_PLURALS: dict[Kind, str] = {
    "model": "models",
    "loss": "losses",
    "prior": "priors",
    "dataset": "datasets",
    "metric": "metrics",
}
_STATES = {
    Plugin: "found",
    LoadedPlugin: "loaded",
    BrokenPlugin: "broken",
    DisabledPlugin: "disabled",
}


def _listing(kind: Kind) -> click.Command:
    nouns = f"{NOUNS[kind]}s" if kind == "dataset" else _PLURALS[kind]

    @click.command(_PLURALS[kind], help=f"List the {nouns} on offer, and where they come from.")
    @json_option
    @click.pass_obj
    def command(registry: Registry, *, as_json: bool) -> None:
        offers = registry.all(kind)
        if as_json:
            click.echo(json.dumps([_described(registry, offer) for offer in offers], indent=2))
            return
        for line in _table(registry, offers):
            click.echo(line)
        if not offers:
            trouble = registry.plugins.why_incomplete()
            click.echo(trouble or f"No plugin offers any {nouns}.")

    return command


def _table(registry: Registry, offers: Sequence[Offer[Any]]) -> Iterator[str]:
    names = {offer: _spelling(registry, offer) for offer in offers}
    first = max(map(len, names.values()), default=0)
    second = max((len(offer.origin) for offer in offers), default=0)
    for offer, name in names.items():
        start = f"{name:{first}}  {offer.origin:{second}}  "
        room = max(width() - len(start), LEAST)
        summary, *more = wrap(_summary(offer.spec), room) or [""]
        yield (start + summary).rstrip()
        yield from (" " * len(start) + line for line in more)
        if isinstance(offer.spec, DatasetSpec):
            licence = f"; licence {offer.spec.licence}" if offer.spec.licence else ""
            splits = ", ".join(offer.spec.splits) or "none"
            yield f"{'':{first}}  splits {splits}{licence}"
        if isinstance(offer.spec, ModelSpec):
            default = offer.spec.default_preset
            yield from preset_lines(_presets(registry, offer), default, indent=first + 2)
    if any(isinstance(offer.spec, ModelSpec) for offer in offers):
        yield "(* is the preset that is taken where none is named)"
    for clash in sorted({offer.name for offer in offers if _rivals(registry, offer)}):
        yield f"Several plugins offer {clash!r}: use the qualified names above."


def _summary(spec: Spec) -> str:
    on_request = isinstance(spec, MetricSpec) and spec.on_request
    return f"{spec.summary} (on request)" if on_request else spec.summary


def _described(registry: Registry, offer: Offer[Any]) -> dict[str, Any]:
    table = asdict(offer.spec) | {
        "package": offer.package,
        "version": offer.version,
        "plugin": offer.plugin,
        "qualified": offer.qualified,
        "clashes": bool(_rivals(registry, offer)),
    }
    if isinstance(offer.spec, ModelSpec):
        table["presets"] = [
            {
                "name": preset.name,
                "summary": preset.summary,
                "default": preset.name == offer.spec.default_preset,
            }
            for preset in _presets(registry, offer).values()
        ]
    return table


def _rivals(registry: Registry, offer: Offer[Any]) -> list[Offer[Any]]:
    """All offers of the name, if there are several."""
    same = registry.matching(offer.kind, offer.name)
    return same if len(same) > 1 else []


def _spelling(registry: Registry, offer: Offer[Any]) -> str:
    """The name by which an offer can be asked for."""
    rivals = _rivals(registry, offer)
    return distinct(rivals)[rivals.index(offer)] if rivals else offer.name


def _presets(registry: Registry, offer: Offer[Any]) -> dict[str, Preset]:
    """The presets of a model; a bad one is complained of and left out."""
    presets: dict[str, Preset] = {}
    if isinstance(offer.spec, ModelSpec):
        try:
            for name in registry.preset_names(offer):
                presets[name] = registry.preset(offer, name)
        except OfferError as error:
            registry.plugins.complain(error.plugin, error.reason, error)
    return presets


@click.command("plugins")
@click.option("-v", "--verbose", is_flag=True, help="Add files, hooks and tracebacks.")
@click.option(
    "--no-load", is_flag=True, help="Import none: say only what would be imported, and from where."
)
@json_option
@click.pass_context
def plugins_command(ctx: click.Context, *, verbose: bool, no_load: bool, as_json: bool) -> None:
    """List the plugins: loaded, broken, disabled, and why."""
    from ganzoo.cli import plugin_files, registry_of

    plugins = survey(plugin_files(ctx)) if no_load else _tried(registry_of(ctx))
    if as_json:
        click.echo(json.dumps([_record(plugins, plugin) for plugin in plugins.records], indent=2))
        return
    if plugins.alone is not None:
        click.echo(plugins.why_incomplete())
    elif not plugins.records:
        click.echo("No plugin is installed.")
    names = max((len(plugin.qualified) for plugin in plugins.records), default=0)
    versions = max((len(plugin.version) for plugin in plugins.records), default=0)
    for plugin in plugins.records:
        start = f"{_STATES[type(plugin)]:8}  {plugin.qualified:{names}}"
        click.echo(f"{start}  {plugin.version:{versions}}  {plugin.source}")
        for remark in _remarks(plugins, plugin, files=verbose or no_load, verbose=verbose):
            click.echo(indent(remark, " " * 10))
    known = {plugin.qualified for plugin in plugins.records}
    for complaint in plugins.complaints:
        if complaint.subject not in known:
            click.echo(f"{complaint.subject}: {complaint.reason}")


def _tried(registry: Registry) -> Plugins:
    """The plugins after everything that they offer was looked at, and complained of."""
    for kind in HOOKS:
        for offer in registry.all(kind):
            _presets(registry, offer)
    return registry.plugins


def _remarks(plugins: Plugins, plugin: Plugin, *, files: bool, verbose: bool) -> Iterator[str]:
    if isinstance(plugin, BrokenPlugin | DisabledPlugin):
        yield plugin.reason
    if isinstance(plugin, LoadedPlugin | BrokenPlugin) and plugin.imports_torch:
        yield "imports torch at load: slows every command"
    if files:
        yield f"file   {plugin.path or 'none'}"
    if isinstance(plugin, LoadedPlugin) and verbose:
        yield f"hooks  {', '.join(plugin.hooks)}"
    if isinstance(plugin, BrokenPlugin) and verbose:
        yield plugin.details.rstrip()
    for complaint in plugins.complaints:
        if complaint.subject == plugin.qualified:
            yield complaint.reason
            if verbose and complaint.details:
                yield complaint.details.rstrip()


def _record(plugins: Plugins, plugin: Plugin) -> dict[str, Any]:
    own = [asdict(each) for each in plugins.complaints if each.subject == plugin.qualified]
    return {"state": _STATES[type(plugin)], **asdict(plugin), "complaints": own}


COMMANDS = [*map(_listing, _PLURALS), plugins_command, show_command]
