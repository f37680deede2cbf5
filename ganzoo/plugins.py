"""What a plugin is, what became of each, and calls of their hooks that can fail alone."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, NoReturn

import pluggy

from ganzoo.errors import UserError, did_you_mean
from ganzoo.hookspecs import API_VERSION, PROJECT, Hooks, hook_names
from ganzoo.variables import another_tells

CONTAINED = (Exception, SystemExit)
"""What a plugin may raise without ending anybody else's command."""

_told: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin that was found: the name of its entry point and the distribution it came in."""

    name: str
    distribution: str
    version: str = ""
    source: str = ""
    """What is imported: the value of the entry point, or the path of a file."""
    path: str | None = None
    """The file that is run when it is imported, if that can be told."""
    digest: str = ""
    """Of a plugin that is one file: the first 12 digits of the SHA-256 of what was imported."""

    @property
    def qualified(self) -> str:
        """The name that no other plugin has: ``distribution:name``."""
        return f"{self.distribution}:{self.name}"

    @property
    def package(self) -> str:
        """The distribution with its version, for people."""
        return f"{self.distribution} {self.version}".rstrip()


@dataclass(frozen=True, kw_only=True)
class LoadedPlugin(Plugin):
    """A plugin whose hooks are called."""

    hooks: tuple[str, ...] = ()
    imports_torch: bool = False
    """True if torch came in while the plugin was loaded: every command waits for it."""


@dataclass(frozen=True, kw_only=True)
class BrokenPlugin(Plugin):
    """A plugin that could not be loaded: ``reason`` is one line, ``details`` the traceback."""

    reason: str
    details: str
    imports_torch: bool = False


@dataclass(frozen=True, kw_only=True)
class DisabledPlugin(Plugin):
    """A plugin that the environment keeps out."""

    reason: str


@dataclass(frozen=True)
class Complaint:
    """Something wrong with a plugin that was loaded, or with the choice of plugins."""

    subject: str
    reason: str
    details: str = ""


class PluginError(Exception):
    """A plugin breaks the rules of the hooks; the text is the whole story."""


class Plugins:
    """What was found, and the hooks of what was loaded.

    A new one is empty: :func:`ganzoo.discovery.discover` fills it with what is installed,
    :meth:`admit` adds a single plugin. With ``strict``, what would be contained is an error.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.records: list[Plugin] = []
        self.complaints: list[Complaint] = []
        self.alone: str | None = None
        """Why the host stands alone, where the environment says that it should."""
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)

    @property
    def loaded(self) -> list[LoadedPlugin]:
        """The plugins whose hooks are called."""
        return [record for record in self.records if isinstance(record, LoadedPlugin)]

    @property
    def broken(self) -> list[BrokenPlugin]:
        """The plugins that could not be loaded."""
        return [record for record in self.records if isinstance(record, BrokenPlugin)]

    @property
    def disabled(self) -> list[DisabledPlugin]:
        """The plugins that the environment keeps out."""
        return [record for record in self.records if isinstance(record, DisabledPlugin)]

    def admit(self, found: Plugin, load: Callable[[], object]) -> LoadedPlugin | BrokenPlugin:
        """Load and register one plugin. Whatever goes wrong makes it a :class:`BrokenPlugin`."""
        had_torch = "torch" in sys.modules
        record: LoadedPlugin | BrokenPlugin
        described = vars(found)
        try:
            with redirect_stdout(sys.stderr):
                plugin = load()
                hooks = check_plugin(plugin, found.distribution)
            self._register(plugin, found.qualified)
        except CONTAINED as error:
            brought_torch = not had_torch and "torch" in sys.modules
            record = BrokenPlugin(
                **described,
                reason=one_line(error),
                details=whole_traceback(error),
                imports_torch=brought_torch,
            )
            self.records.append(record)
            self._report(f"plugin {record.qualified} is left out: {record.reason}", error)
        else:
            brought_torch = not had_torch and "torch" in sys.modules
            described = described | {"path": getattr(plugin, "__file__", found.path)}
            record = LoadedPlugin(**described, hooks=hooks, imports_torch=brought_torch)
            self.records.append(record)
        return record

    def call(self, hook: str, **arguments: object) -> list[tuple[LoadedPlugin, list[Any]]]:
        """What each implementation of a hook yields, with the plugin that it comes from.

        One implementation is called at a time, so that one that raises loses its own items only.
        """
        loaded = {record.qualified: record for record in self.loaded}
        results = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = loaded[implementation.plugin_name]
            given = {name: arguments[name] for name in implementation.argnames}
            try:
                with redirect_stdout(sys.stderr):
                    items = implementation.function(**given)
                    if not isinstance(items, Iterable):
                        _fault(f"returns {_article(items)}, not an iterable")
                    results.append((plugin, list(items)))
            except CONTAINED as error:
                self.blame(plugin.qualified, hook, error)
        return results

    def blame(self, plugin: str, hook: str, error: BaseException) -> None:
        """Say that what a hook of a loaded plugin (by its qualified name) gave is dropped."""
        reason = one_line(error) if isinstance(error, PluginError) else f"raises {one_line(error)}"
        self.complain(plugin, f"{hook} {reason}", error)

    def complain(self, subject: str, reason: str, error: BaseException | None = None) -> None:
        """Remember something wrong with a plugin, or the choice of plugins; say it in one line."""
        details = whole_traceback(error) if error is not None else ""
        known = {(complaint.subject, complaint.reason) for complaint in self.complaints}
        if (subject, reason) not in known:
            self.complaints.append(Complaint(subject, reason, details))
        noun = "plugin " if subject in {record.qualified for record in self.records} else ""
        self._report(f"{noun}{subject}: {reason}", error)

    def why_incomplete(self) -> str | None:
        """Why something might be missing, in one sentence; None if all that was found works."""
        if self.alone is not None:
            return f"No plugin is loaded: {self.alone}."
        faults = [f"{record.qualified} ({record.reason})" for record in self.broken]
        faults += [f"{complaint.subject} ({complaint.reason})" for complaint in self.complaints]
        if faults:
            return f"Something is broken: {'; '.join(faults)}. See: ganzoo plugins -v"
        if not self.loaded:
            return "No plugin is loaded."
        return None

    def _register(self, plugin: object, name: str) -> None:
        try:
            self._manager.register(plugin, name=name)
        except pluggy.PluginValidationError:
            # pluggy leaves such a plugin half registered.
            self._manager.unregister(plugin)
            raise

    def _report(self, line: str, error: BaseException | None) -> None:
        if self.strict:
            hint = "GANZOO_STRICT_PLUGINS is set: unset it to go on without what is broken."
            raise UserError(line, hint=hint) from error
        tell(f"warning: {line}")


def check_plugin(plugin: object, distribution: str) -> tuple[str, ...]:
    """The hooks that ``plugin`` implements. Raises :class:`PluginError` where it breaks a rule."""
    api = getattr(plugin, "ganzoo_api", API_VERSION)
    if api != API_VERSION:
        newer = isinstance(api, int) and api > API_VERSION
        upgrade = "torch-ganzoo" if newer else distribution
        _fault(f"made for plugin interface {api!r}, this is {API_VERSION}: upgrade {upgrade}")
    known = hook_names()
    hooks = []
    for attribute in dir(plugin):
        function = getattr(plugin, attribute, None)
        options = getattr(function, f"{PROJECT}_impl", None)
        if not callable(function) or not isinstance(options, dict):
            if attribute in known and inspect.isroutine(function):
                _fault(f"{attribute} is not marked: put @hookimpl above it")
            continue
        hook = options.get("specname") or attribute
        if hook not in known:
            miss = did_you_mean(hook, known).replace("'", "")
            _fault(f"{hook} is not a hook{miss}")
        if options.get("wrapper") or options.get("hookwrapper"):
            _fault(f"{hook} is marked as a wrapper; hooks are not wrapped here")
        given = set(inspect.signature(getattr(Hooks, hook)).parameters) - {"self"}
        wanted = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty and parameter.name not in given
        ]
        if wanted:
            offered = f"only {', '.join(sorted(given))}" if given else "nothing"
            _fault(f"{hook} takes {', '.join(wanted)}, but is given {offered}")
        hooks.append(hook)
    if not hooks:
        _fault(f"implements no hook; there are {', '.join(known)}")
    return tuple(hooks)


def one_line(error: BaseException) -> str:
    """The error in one line, with its type unless its text is the whole story."""
    text = str(error).strip().splitlines()
    if isinstance(error, PluginError):
        return text[0]
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def whole_traceback(error: BaseException) -> str:
    """The traceback, as Python would print it."""
    import traceback

    return "".join(traceback.format_exception(error))


def tell(line: str) -> None:
    """Say a line on stderr, once per process and on the first rank only."""
    if line in _told or another_tells():
        return
    _told.add(line)
    print(line, file=sys.stderr)


def _article(thing: object) -> str:
    return "None" if thing is None else f"a {type(thing).__name__}"


def _fault(text: str) -> NoReturn:
    raise PluginError(text)
