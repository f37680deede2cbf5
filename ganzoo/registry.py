"""What all plugins offer, by kind and name, and how it is looked up and imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

from ganzoo.errors import OfferError, UserError, did_you_mean
from ganzoo.hookspecs import DatasetSpec, ModelSpec, Spec, spec_types
from ganzoo.plugins import CONTAINED, PluginError, one_line
from ganzoo.presets import Preset, preset_files, read_preset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from ganzoo.plugins import LoadedPlugin, Plugins

Kind = Literal["model", "loss", "prior", "dataset", "metric", "command"]
Offered_co = TypeVar("Offered_co", bound="Spec | click.Command", covariant=True)

HOOKS: dict[Kind, str] = {
    "model": "ganzoo_models",
    "loss": "ganzoo_losses",
    "prior": "ganzoo_priors",
    "dataset": "ganzoo_datasets",
    "metric": "ganzoo_metrics",
    "command": "ganzoo_commands",
}
NOUNS: dict[Kind, str] = {kind: kind for kind in HOOKS} | {"dataset": "data set"}
INTERFACES: dict[Kind, str] = {
    "model": "ganzoo.model:Model",
    "loss": "ganzoo.loss:Loss",
    "prior": "ganzoo.latents:Prior",
}
"""What a thing of each kind must subclass; the other kinds are called."""

_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_IMPORT_STRING = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")


@dataclass(frozen=True)
class Offer(Generic[Offered_co]):
    """Something that a plugin offers, with where it came from."""

    kind: Kind
    spec: Offered_co
    plugin: str
    """The plugin's entry-point name."""
    package: str
    """The distribution of the plugin."""
    version: str

    @property
    def name(self) -> str:
        """The short name, which another plugin may offer as well."""
        return str(self.spec.name)

    @property
    def qualified(self) -> str:
        """``package:name``."""
        return f"{self.package}:{self.name}"

    @property
    def offered_by(self) -> str:
        """``package:plugin``: the qualified name of the plugin."""
        return f"{self.package}:{self.plugin}"

    @property
    def origin(self) -> str:
        """The distribution with its version, for people."""
        return f"{self.package} {self.version}".rstrip()

    @property
    def spellings(self) -> tuple[str, str, str]:
        """The qualified names that are understood, the handiest first."""
        return (
            self.qualified,
            f"{self.plugin}:{self.name}",
            f"{self.offered_by}:{self.name}",
        )


class Registry:
    """The offers of the loaded plugins. Hooks are called when a kind is first asked for."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self._offers: dict[Kind, tuple[Offer[Any], ...]] = {}

    @overload
    def all(self, kind: Literal["model"]) -> tuple[Offer[ModelSpec], ...]: ...
    @overload
    def all(self, kind: Literal["dataset"]) -> tuple[Offer[DatasetSpec], ...]: ...
    @overload
    def all(self, kind: Literal["command"]) -> tuple[Offer[click.Command], ...]: ...
    @overload
    def all(self, kind: Literal["loss", "prior", "metric"]) -> tuple[Offer[Spec], ...]: ...
    @overload
    def all(self, kind: Kind) -> tuple[Offer[Any], ...]: ...
    def all(self, kind: Kind) -> tuple[Offer[Any], ...]:
        """Everything of one kind, in the order of the plugins."""
        if kind not in self._offers:
            self._offers[kind] = tuple(self._collect(kind))
        return self._offers[kind]

    @overload
    def find(self, kind: Literal["model"], name: str) -> Offer[ModelSpec]: ...
    @overload
    def find(self, kind: Literal["dataset"], name: str) -> Offer[DatasetSpec]: ...
    @overload
    def find(self, kind: Literal["command"], name: str) -> Offer[click.Command]: ...
    @overload
    def find(self, kind: Literal["loss", "prior", "metric"], name: str) -> Offer[Spec]: ...
    @overload
    def find(self, kind: Kind, name: str) -> Offer[Any]: ...
    def find(self, kind: Kind, name: str) -> Offer[Any]:
        """The one offer called ``name``, which may be qualified as ``package:name``.

        Raises :class:`UserError` if there is none, or if several plugins offer the short name.
        """
        matches = self.matching(kind, name)
        if len(matches) == 1:
            return matches[0]
        noun = NOUNS[kind]
        if matches:
            raise UserError(
                f"{_count(len(matches))} plugins offer a {noun} called {name!r}: "
                + " and ".join(offer.origin for offer in matches),
                hint=f"Say which: {' or '.join(distinct(matches))}, "
                "or leave one out with GANZOO_DISABLE_PLUGINS.",
            )
        names = sorted({offer.name for offer in self.all(kind)})
        known = [spelling for offer in self.all(kind) for spelling in offer.spellings]
        hints = [f"There are: {', '.join(names)}."] if names else []
        trouble = self.plugins.why_incomplete()
        hints = hints + ([trouble] if trouble else []) or [f"No plugin offers a {noun}."]
        others = [NOUNS[other] for other in HOOKS if other != kind and self.matching(other, name)]
        kept_out = ", ".join(each.name for each in self.plugins.disabled)
        if kept_out and not trouble:
            hints.append(f"Not loaded, by GANZOO_PLUGINS or GANZOO_DISABLE_PLUGINS: {kept_out}.")
        if others:
            hints.insert(0, f"{name} is a {' and a '.join(others)}.")
        raise UserError(
            f"no {noun} called {name!r}{did_you_mean(name, names + known)}", hint="\n".join(hints)
        )

    def matching(self, kind: Kind, name: str) -> list[Offer[Any]]:
        """The offers that ``name`` may mean: none, one, or those of several plugins."""
        if ":" not in name:
            return [offer for offer in self.all(kind) if offer.name == name]
        candidates: list[Offer[Any]] = []
        for place in range(3):
            found = [offer for offer in self.all(kind) if offer.spellings[place] == name]
            if len(found) == 1:
                return found
            candidates = candidates or found
        return candidates

    def load(self, offer: Offer[Any]) -> Any:
        """Import what an offer's string names. Raises :class:`UserError` if it cannot be had."""
        spec: Spec = offer.spec
        module, _, attribute = spec.load.partition(":")
        failed = f"cannot load {spec.load!r}"
        try:
            found: Any = import_module(module)
        except CONTAINED as error:
            raise OfferError(
                offer.offered_by,
                f"{failed}: {one_line(error)}",
                hint=f"The whole traceback: python -c 'import {module}'",
            ) from error
        for part in attribute.split("."):
            if not hasattr(found, part):
                miss = did_you_mean(part, dir(found))
                raise OfferError(offer.offered_by, f"{failed}: there is no {part!r} in it{miss}")
            found = getattr(found, part)
        if flaw := _flaw_of(offer.kind, found):
            raise OfferError(offer.offered_by, f"{failed}: {flaw}")
        return found

    def preset_names(self, offer: Offer[ModelSpec]) -> list[str]:
        """The names of a model's presets."""
        return list(preset_files(offer.spec, offer.offered_by))

    def presets(self, offer: Offer[ModelSpec]) -> dict[str, Preset]:
        """All presets of a model, by name."""
        return {name: self.preset(offer, name) for name in self.preset_names(offer)}

    def preset(self, offer: Offer[ModelSpec], name: str) -> Preset:
        """One preset of a model, alone."""
        return read_preset(offer.spec, offer.offered_by, name)

    def lineage(self, offer: Offer[ModelSpec], name: str) -> list[tuple[Offer[ModelSpec], Preset]]:
        """A preset behind all that it extends, each with its model: to be laid over one another."""
        line: list[tuple[Offer[ModelSpec], Preset]] = []
        model, wanted = offer, name
        while True:
            preset = self.preset(model, wanted)
            line.append((model, preset))
            if preset.extends is None:
                return line[::-1]
            other, _, wanted = preset.extends.rpartition("/")
            model = self.find("model", other) if other else model
            seen = [f"{owner.name}/{past.name}" for owner, past in line]
            if any(owner == model and past.name == wanted for owner, past in line):
                chain = " -> ".join([*seen, f"{model.name}/{wanted}"])
                raise UserError(f"preset {offer.name}/{name} extends itself: {chain}")

    def _collect(self, kind: Kind) -> list[Offer[Any]]:
        hook = HOOKS[kind]
        wanted = _wanted(kind)
        offers: list[Offer[Any]] = []
        for plugin, items in self.plugins.call(hook):
            try:
                _check_items(items, wanted)
            except PluginError as fault:
                self.plugins.blame(plugin.qualified, hook, fault)
            else:
                offers += [_offer(kind, item, plugin) for item in items]
        return offers


def distinct(offers: Sequence[Offer[Any]]) -> list[str]:
    """The shortest spelling of each offer that tells it from the others."""
    for place in range(3):
        spellings = [offer.spellings[place] for offer in offers]
        if len(set(spellings)) == len(spellings):
            return spellings
    return spellings


def _offer(kind: Kind, spec: Any, plugin: LoadedPlugin) -> Offer[Any]:
    return Offer(kind, spec, plugin.name, plugin.distribution, plugin.version)


def _wanted(kind: Kind) -> type[Any]:
    if kind == "command":
        import click

        return click.Command
    return spec_types()[HOOKS[kind]]


def _check_items(items: Sequence[Any], wanted: type[Any]) -> None:
    names: set[str] = set()
    for item in items:
        if not isinstance(item, wanted):
            given = "None" if item is None else f"a {type(item).__name__}"
            raise PluginError(f"yields {given}, not a {wanted.__name__}")
        name = cast("Any", item).name
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(f"yields the name {name!r}; letters, digits, '_' and '-' make a name")
        if name in names:
            raise PluginError(f"yields {name!r} twice")
        if isinstance(item, Spec) and not _IMPORT_STRING.fullmatch(str(item.load)):
            raise PluginError(
                f"yields {name!r} at {item.load!r}, which is not of the form 'module:attribute'"
            )
        names.add(name)


def _flaw_of(kind: Kind, found: Any) -> str | None:
    """What keeps ``found`` from being used as an offer of this kind."""
    if kind in INTERFACES:
        module, _, name = INTERFACES[kind].partition(":")
        interface = getattr(import_module(module), name)
        if not (isinstance(found, type) and issubclass(found, interface)):
            return f"it is not a subclass of ganzoo.{name}"
    elif not callable(found):
        return "it cannot be called"
    return None


def _count(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, str(number))
