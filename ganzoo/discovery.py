"""Finds the installed plugins that the environment admits, and loads one-file plugins."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from contextlib import redirect_stdout
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from shlex import quote
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import CodeType, ModuleType

GROUP = "ganzoo.plugins"
ONLY = "GANZOO_PLUGINS"
"""The variable that, if set, lists the only plugins that are imported."""
BANNED = "GANZOO_DISABLE_PLUGINS"
"""The variable that lists plugins that are not imported."""
FILE = "file"
"""Stands for the distribution of a plugin that is a single file."""
_IMPORTED = "__ganzoo_digest__"
"""Where such a module keeps the digest of the text that it was made from."""


def discover(files: Sequence[Path] = (), environ: Mapping[str, str] = os.environ) -> Plugins:
    """Load what is installed under the entry-point group, and the one-file plugins ``files``.

    A file that cannot be loaded is a :class:`UserError`, since somebody asked for it.
    """
    plugins = _none_yet(files, environ)
    for entry, found in _installed(environ):
        if isinstance(found, DisabledPlugin):
            plugins.records.append(found)
        else:
            plugins.admit(found, entry.load)
    _check_choice(plugins, environ)
    for file in files:
        admit_file(plugins, file)
    return plugins


def survey(files: Sequence[Path] = (), environ: Mapping[str, str] = os.environ) -> Plugins:
    """The same plugins as :func:`discover` has, none of them imported: no line of theirs is run."""
    plugins = _none_yet(files, environ)
    plugins.records += [found for _, found in _installed(environ)]
    _check_choice(plugins, environ)
    plugins.records += [
        Plugin(name=file.stem, distribution=FILE, source=str(file), path=str(file))
        for file in files
    ]
    return plugins


def _none_yet(files: Sequence[Path], environ: Mapping[str, str]) -> Plugins:
    plugins = Plugins(strict=environ.get("GANZOO_STRICT_PLUGINS", "0") not in {"", "0"})
    if _listed(environ, ONLY) == [] and not files:
        plugins.alone = f"{ONLY} is set and empty: the host stands alone"
    return plugins


def _installed(environ: Mapping[str, str]) -> Iterator[tuple[metadata.EntryPoint, Plugin]]:
    """Every entry point of the group, in order, and what is known of it without an import."""
    only, banned = _listed(environ, ONLY), _listed(environ, BANNED) or []
    entries = metadata.entry_points(group=GROUP)
    for entry in sorted(entries, key=lambda entry: (_owner(entry), entry.name)):
        found = Plugin(
            name=entry.name,
            distribution=_owner(entry),
            version=entry.dist.version if entry.dist else "",
            source=entry.value,
            path=_file_of(entry),
        )
        reason = None
        if only is not None and not _chosen(found, only):
            reason = f"not in {ONLY}={environ[ONLY]}" if only else f"{ONLY} is set and empty"
        elif _chosen(found, banned):
            reason = f"in {BANNED}={environ[BANNED]}"
        yield entry, found if reason is None else DisabledPlugin(**vars(found), reason=reason)


def _file_of(entry: metadata.EntryPoint) -> str | None:
    """The file that its import runs, but for those of the packages that it lies in.

    Python itself would import these packages to find it, so they are only looked into.
    """
    try:
        top, *inner = entry.module.split(".")
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):  # it names no module at all
        return None
    if spec is None:
        return None
    if not inner:
        return spec.origin
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *inner)
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                return str(file)
    return None


def _check_choice(plugins: Plugins, environ: Mapping[str, str]) -> None:
    """Complain of names in the environment that choose nothing, or admit more than one author's."""
    known = {spelling for plugin in plugins.records for spelling in _spellings(plugin)}
    for variable in (ONLY, BANNED):
        for name in _listed(environ, variable) or []:
            if _canonical(name) not in known:
                miss = did_you_mean(name, sorted(known))
                plugins.complain(variable, f"no plugin {name!r} is installed{miss}")
    for name in _listed(environ, ONLY) or []:
        owners = {each.distribution for each in plugins.records if _chosen(each, [name])}
        if len(owners) > 1:
            what = f"{name!r} admits the plugins of {len(owners)} packages"
            plugins.complain(ONLY, f"{what}: {', '.join(sorted(owners))}")


def file_digest(file: Path) -> str:
    """What a plugin of one file is known by besides its name; empty if it is no file."""
    return _digest(file.read_bytes()) if file.is_file() else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def admit_file(plugins: Plugins, file: Path) -> None:
    """Add the plugin that is one file; its module can be imported under the stem of the file."""
    module, path = _file_module(file), str(file)
    digest = getattr(module, _IMPORTED, None) or file_digest(file)
    found = Plugin(name=file.stem, distribution=FILE, source=path, path=path, digest=digest)
    if found.qualified in {record.qualified for record in plugins.loaded}:
        return
    try:
        check_plugin(module, FILE)
    except PluginError as fault:
        raise UserError(f"plugin file {file}: {fault}") from fault
    plugins.admit(found, lambda: module)


def invocation(plugins: Plugins) -> str:
    """How the command is called with the plugins that are files: ``ganzoo --plugin idea.py``."""
    files = [record.source for record in plugins.loaded if record.distribution == FILE]
    return " ".join(map(quote, words_with(files)))


def words_with(files: Iterable[str]) -> list[str]:
    """The words by which the command begins with these plugins that are files."""
    return ["ganzoo", *(word for file in files for word in ("--plugin", file))]


class _FromText(SourceFileLoader):
    """Compiles a file each time: compiled code is known by the second and the size of its text."""

    digest = ""
    """Of the text that was compiled last."""

    def get_code(self, fullname: str) -> CodeType:
        """Of the file as it is now."""
        content = self.get_data(self.path)
        self.digest = _digest(content)
        return self.source_to_code(content, self.path)


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
        if getattr(present, _IMPORTED, None) in (None, file_digest(file)):
            return present
    elif present is not None or (origin is not None and not _same(file, origin)):
        raise UserError(
            f"plugin file {file}: there is a module {name!r} already",
            hint="Give the file a name of its own.",
        )
    loader = _FromText(name, str(file.absolute()))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):
            loader.exec_module(module)
        setattr(module, _IMPORTED, loader.digest)
    except CONTAINED as error:
        del sys.modules[name]
        if present is not None:
            sys.modules[name] = present
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
