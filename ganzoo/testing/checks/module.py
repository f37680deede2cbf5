"""Rules of the plugin module and its specs, which hold before anything heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.conversion import fields_of
from ganzoo.discovery import FILE
from ganzoo.errors import UserError
from ganzoo.plugins import BrokenPlugin
from ganzoo.registry import HOOKS
from ganzoo.schema import WeightSettings
from ganzoo.testing.verdicts import ContractError, NotChecked, listed, require

if TYPE_CHECKING:
    from ganzoo.testing.cases import OfferCase, PluginCase

HEAVY = ("torch", "numpy", "datasets", "accelerate", "torchvision", "scipy", "sklearn", "pandas")
"""What a plugin module may not import, since every command imports the plugin module."""

_FOUND = 3
_PROBE = f"""
import importlib, importlib.util, sys, traceback

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name in {HEAVY!r}:
            frames = [frame for frame in traceback.extract_stack()[:-1]
                      if "importlib" not in frame.filename]
            print(f"{{name}} is imported at {{frames[-1].filename}}:{{frames[-1].lineno}}")
            sys.stdout.flush()
            sys.exit({_FOUND})

sys.meta_path.insert(0, Guard())
name, file = sys.argv[1:]
if file:
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
else:
    importlib.import_module(name)
"""


def check_plugin_module_is_light(case: PluginCase) -> None:
    """Importing the plugin module in a fresh interpreter imports nothing heavy."""
    name, file = _importable(case)
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, name, file],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _FOUND:
        raise ContractError(
            f"{done.stdout.strip().splitlines()[-1]}: every ganzoo command would wait for it. "
            "Name what needs it by an import string, and import it there"
        )
    trace = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    require(done.returncode == 0, f"{name} cannot be imported by itself: {trace[-1]}")


def _importable(case: PluginCase) -> tuple[str, str]:
    """The plugin's module by name, or by a file where no import finds it under its name."""
    if case.plugin.distribution == FILE:
        raise NotChecked("a plugin that is one file is only loaded where it is asked for")
    path = getattr(case.plugin, "path", None)
    if path is None:
        raise NotChecked("the plugin is not a module with a file")
    name = case.plugin.source.partition(":")[0]
    try:
        spec = find_spec(name) if name.replace(".", "").isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    by_name = spec is not None and spec.origin is not None and Path(spec.origin).samefile(path)
    return (name, "") if by_name else (Path(path).stem, path)


def check_hooks(case: PluginCase) -> None:
    """The plugin loads, and its hooks yield specs of the right form."""
    if isinstance(case.plugin, BrokenPlugin):
        raise ContractError(case.plugin.reason)
    for kind in HOOKS:
        case.registry.all(kind)
    complaints = [
        complaint.reason
        for complaint in case.registry.plugins.complaints
        if complaint.subject == case.plugin.qualified
    ]
    require(not complaints, "; ".join(complaints))


def check_summaries(case: PluginCase) -> None:
    """Everything that is listed says in one line what it is."""
    silent = []
    for offer in case.offers(*HOOKS):
        if offer.kind == "command":
            said = offer.spec.short_help or offer.spec.help
        else:
            said = offer.spec.summary
        silent += [] if said and said.strip() else [f"{offer.kind} {offer.name}"]
    for offer in case.offers("model"):
        try:
            presets = case.registry.presets(offer).values() if offer.spec.presets else ()
        except UserError as error:
            raise NotChecked(error.what) from error
        silent += [f"preset {offer.name}/{each.name}" for each in presets if not each.summary]
    require(not silent, f"without a summary in a listing: {listed(silent)}. Add one to each")


def check_import_string(case: OfferCase) -> None:
    """The import string finds a subclass of the right interface, or something to call."""
    try:
        case.registry.load(case.offer)
    except UserError as error:
        raise ContractError(str(error)) from error


def check_config(case: OfferCase) -> None:
    """``Config`` is a frozen, keyword-only dataclass whose fields all have a default and a help."""
    try:
        config = case.registry.load(case.offer).Config
    except UserError as error:
        raise NotChecked(error.what) from error
    try:
        settings = fields_of(config)
    except UserError as error:
        raise ContractError(error.what) from error
    name = config.__qualname__
    options = config.__dataclass_params__
    require(options.frozen, f"{name} is not frozen: @dataclass(frozen=True, kw_only=True)")
    positional = [each.name for each in fields(config) if each.init and not each.kw_only]
    require(not positional, f"{name}.{', '.join(positional)}: make it keyword-only (kw_only=True)")
    missing = [key for key, setting in settings.items() if setting.default is None]
    require(not missing, f"{name} has no default for {listed(missing)}: a preset may leave it out")
    silent = [key for key, setting in settings.items() if not setting.help]
    require(not silent, f'{name} has no help for {listed(silent)}: setting(DEFAULT, "meaning")')
    hosts = set(fields_of(WeightSettings)) if case.offer.kind == "loss" else {"name"}
    taken = sorted(hosts & set(settings))
    require(not taken, f"{name}.{', '.join(taken)} is the host's own setting: take another name")


CHECKS = (check_hooks, check_plugin_module_is_light, check_summaries)
