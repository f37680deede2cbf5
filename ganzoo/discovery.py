"""Finds the installed plugins that the environment admits, and loads one-file plugins."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import UserError, did_you_mean
from ganzoo.plugins import (
    CONTAINED,
    DisabledPlugin,
    Plugin,
    PluginError,
    Plugins,
    check_plugin,
    one_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

GROUP = "ganzoo.plugins"
FILE = "file"
"""Stands for the distribution of a plugin that is a single file."""


def discover(files: Sequence[Path] = (), environ: Mapping[str, str] = os.environ) -> Plugins:
    """Everything that is installed under the entry-point group, and the one-file plugins ``files``.

    A file that cannot be loaded is a :class:`UserError`, since somebody asked for it.
    """
    plugins = Plugins(strict=environ.get("GANZOO_STRICT_PLUGINS", "0") not in {"", "0"})
    only = _listed(environ, "GANZOO_PLUGINS")
    banned = _listed(environ, "GANZOO_DISABLE_PLUGINS") or []
    if only == [] and not files:
        plugins.alone = "GANZOO_PLUGINS is set and empty: the host stands alone"
    found = sorted(
        metadata.entry_points(group=GROUP), key=lambda entry: (_owner(entry), entry.name)
    )
    spellings: set[str] = set()
    for entry in found:
        version = entry.dist.version if entry.dist else ""
        plugin = Plugin(
            name=entry.name, distribution=_owner(entry), version=version, source=entry.value
        )
        spellings |= _spellings(plugin)
        if only is not None and not _chosen(plugin, only):
            reason = f"not in GANZOO_PLUGINS={environ['GANZOO_PLUGINS']}"
            if not only:
                reason = "GANZOO_PLUGINS is set and empty"
            plugins.records.append(DisabledPlugin(**vars(plugin), reason=reason))
        elif _chosen(plugin, banned):
            reason = f"in GANZOO_DISABLE_PLUGINS={environ['GANZOO_DISABLE_PLUGINS']}"
            plugins.records.append(DisabledPlugin(**vars(plugin), reason=reason))
        else:
            plugins.admit(plugin, entry.load)
    for variable, names in (("GANZOO_PLUGINS", only or []), ("GANZOO_DISABLE_PLUGINS", banned)):
        for name in names:
            if _canonical(name) not in spellings:
                miss = did_you_mean(name, sorted(spellings))
                plugins.complain(variable, f"no plugin {name!r} is installed{miss}")
    for file in files:
        admit_file(plugins, file)
    return plugins


def admit_file(plugins: Plugins, file: Path) -> None:
    """Add the plugin that is one file; its module can be imported under the stem of the file."""
    module = _file_module(file)
    found = Plugin(name=file.stem, distribution=FILE, source=str(file))
    if found.qualified in {record.qualified for record in plugins.loaded}:
        return
    try:
        check_plugin(module, FILE)
    except PluginError as fault:
        raise UserError(f"plugin file {file}: {fault}") from fault
    plugins.admit(found, lambda: module)


def _file_module(file: Path) -> ModuleType:
    name = file.stem
    if not file.is_file():
        raise UserError(f"plugin file {file}: no such file")
    if file.suffix != ".py" or not name.isidentifier():
        raise UserError(
            f"plugin file {file}: its name cannot be a module's",
            hint="Name it like a variable, ending in .py: my_idea.py",
        )
    present = sys.modules.get(name)
    origin = getattr(present, "__file__", None) if present else _origin(name)
    if present is not None and origin is not None and file.samefile(origin):
        return present
    if present is not None or (origin is not None and not _same(file, origin)):
        raise UserError(
            f"plugin file {file}: there is a module {name!r} already",
            hint="Give the file a name of its own.",
        )
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except CONTAINED as error:
        del sys.modules[name]
        raise UserError(f"plugin file {file}: {one_line(error)}{_line_in(file, error)}") from error
    return module


def _canonical(name: str) -> str:
    """The spelling in which ``-``, ``_`` and ``.`` are one, as in names of distributions."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _owner(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _listed(environ: Mapping[str, str], variable: str) -> list[str] | None:
    text = environ.get(variable)
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _spellings(plugin: Plugin) -> set[str]:
    return {_canonical(name) for name in (plugin.name, plugin.distribution, plugin.qualified)}


def _chosen(plugin: Plugin, names: Sequence[str]) -> bool:
    return not _spellings(plugin).isdisjoint(map(_canonical, names))


def _origin(name: str) -> str | None:
    spec = importlib.util.find_spec(name)
    return None if spec is None else spec.origin or "a package"


def _same(file: Path, origin: str) -> bool:
    return Path(origin).exists() and file.samefile(origin)


def _line_in(file: Path, error: BaseException) -> str:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file.absolute()):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f" (line {line})"
