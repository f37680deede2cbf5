"""The whole contract: every check of everything that a plugin offers."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.discovery import discover
from ganzoo.errors import UserError
from ganzoo.plugins import BrokenPlugin, LoadedPlugin, Plugin, Plugins
from ganzoo.presets import UNNAMED
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ganzoo.registry import Kind
    from ganzoo.testing.cases import ModelCase, PluginCase

NOT_INSTALLED = "not-installed"
"""Stands for the distribution of a plugin that is no entry point."""

_IMPORTED: tuple[Kind, ...] = ("model", "loss", "prior", "dataset", "metric")


@dataclass(frozen=True)
class Check:
    """One rule for one thing that the plugin offers: call it.

    Calling raises :class:`ganzoo.testing.ContractError` where the rule is broken,
    :class:`ganzoo.testing.NotChecked` where it says nothing about the subject, and whatever the
    plugin itself raises.
    """

    rule: Callable[[Any], None]
    case: Any

    @property
    def name(self) -> str:
        """The name of the rule: ``check_gradients``."""
        return self.rule.__name__

    @property
    def subject(self) -> str:
        """What it is applied to: ``infogan/mnist``."""
        return str(self.case.label)

    @property
    def id(self) -> str:
        """``check_gradients[infogan/mnist]``."""
        return f"{self.name}[{self.subject}]"

    @property
    def meaning(self) -> str:
        """The rule in one sentence."""
        return (self.rule.__doc__ or "").partition("\n")[0]

    @cached_property
    def slow(self) -> bool:
        """True if it trains more than five million parameters."""
        return bool(getattr(self.case, "is_slow", False))

    def __call__(self) -> None:
        """Apply the rule. What the plugin prints goes to stderr."""
        with redirect_stdout(sys.stderr):
            self.rule(self.case)


def checks_of(plugin: object) -> list[Check]:
    """The checks of a plugin module, or any object with hooks, installed or not.

    What it builds on is found among the installed plugins.
    """
    plugins = discover()
    return checks_of_plugin(plugins, _admitted(plugins, plugin))


def checks_of_plugin(plugins: Plugins, plugin: Plugin, files: Sequence[Path] = ()) -> list[Check]:
    """The checks of a plugin that was found; of one that is broken, that it loads.

    ``files`` are TOML files of settings that are laid over each preset of its models.
    """
    return list(_checks(Registry(plugins), plugin, tuple(files)))


def _admitted(plugins: Plugins, plugin: object) -> Plugin:
    path = getattr(plugin, "__file__", None)
    for record in plugins.loaded:
        if path is not None and record.path is not None and Path(path).samefile(record.path):
            return record
    name = str(getattr(plugin, "__name__", type(plugin).__name__))
    found = Plugin(name=name, distribution=NOT_INSTALLED, source=name)
    return plugins.admit(found, lambda: plugin)


def _checks(registry: Registry, plugin: Plugin, files: tuple[Path, ...]) -> Iterator[Check]:
    from ganzoo.testing import cases
    from ganzoo.testing.checks import (
        codes,
        datasets,
        generation,
        losses,
        metrics,
        module,
        observers,
        phases,
        priors,
        structure,
        turns,
    )

    case = cases.PluginCase(registry, plugin)
    if isinstance(plugin, BrokenPlugin):
        yield Check(module.check_hooks, case)
        return
    yield from _each(module.CHECKS, [case])
    if isinstance(plugin, LoadedPlugin) and "ganzoo_observers" in plugin.hooks:
        yield from _each(observers.CHECKS, [case])
    offers = [cases.OfferCase(registry, offer) for offer in case.offers(*_IMPORTED)]
    yield from _each([module.check_import_string], offers)
    yield from _each([module.check_config], [each for each in offers if each.has_config])

    models = list(_models(case, files))
    if files and not models:
        raise UserError(
            f"plugin {plugin.qualified} has no model that --config could be laid over",
            hint="Leave it out: a loss or prior is checked on models at hand.",
        )
    rules = (*structure.CHECKS, *phases.CHECKS, *turns.CHECKS, *generation.CHECKS)
    yield from _each(rules, models)
    own = tuple(sorted(models, key=lambda each: each.parameters))
    for offer in case.offers("loss"):
        yield from _each(losses.CHECKS, [cases.LossCase(registry, offer, own)])
    for offer in case.offers("prior"):
        subject = cases.PriorCase(registry, offer, own)
        yield from _each((*priors.CHECKS, *codes.CHECKS), [subject])
    for offer in case.offers("dataset"):
        splits = [cases.DatasetCase(registry, offer, split) for split in offer.spec.splits]
        yield from _each(datasets.CHECKS, splits)
    for offer in case.offers("metric"):
        yield from _each(metrics.CHECKS, [cases.MetricCase(registry, offer, own)])


def _each(rules: Sequence[Callable[[Any], None]], subjects: Iterable[Any]) -> Iterator[Check]:
    for subject in subjects:
        for rule in rules:
            yield Check(rule, subject)


def _models(case: PluginCase, files: tuple[Path, ...]) -> Iterator[ModelCase]:
    from ganzoo.testing.cases import ModelCase

    for offer in case.offers("model"):
        try:
            presets = case.registry.preset_names(offer) or [UNNAMED]
        except UserError:
            # What is wrong with them is told by check_preset.
            presets = [offer.spec.default_preset]
        for preset in presets:
            yield ModelCase(case.registry, offer, preset, files)
