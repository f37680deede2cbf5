"""Plugins and registries that a test makes for itself, and what strangers leave."""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from bombs import Bomb
from toy_parts import OFFERS, PRESETS

from ganzoo import hookimpl, plugins
from ganzoo.plugins import Plugin, Plugins
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@pytest.fixture(autouse=True)
def _tell_everything_again() -> None:
    """What is said once per process is said once per test."""
    plugins._told.clear()


@pytest.fixture
def offering() -> Callable[..., ModuleType]:
    """``offering(models=[...], losses=[...])`` is a plugin whose hooks give just that."""

    def make(**offers: Iterable[Any]) -> ModuleType:
        plugin = ModuleType("a_plugin_of_a_test")
        for kind, items in offers.items():
            setattr(plugin, f"ganzoo_{kind}", hookimpl(lambda items=items: items))
        return plugin

    return make


@pytest.fixture
def make_registry() -> Callable[..., Registry]:
    """``make_registry({"distribution:name": plugin})`` is a registry of these plugins alone."""

    def make(given: Mapping[str, object], *, strict: bool = False) -> Registry:
        host = Plugins(strict=strict)
        for qualified, plugin in given.items():
            distribution, _, name = qualified.partition(":")
            found = Plugin(name=name, distribution=distribution, version="1.0")
            host.admit(found, lambda plugin=plugin: plugin)
        return Registry(host)

    return make


@pytest.fixture
def write_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Mapping[str, str]], str]:
    """Write an importable package of the given files, by their name; it goes with the test."""

    def write(name: str, files: Mapping[str, str]) -> str:
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        for file, text in {"__init__.py": "", **files}.items():
            (folder / file).write_text(text)
        monkeypatch.syspath_prepend(folder.parent)
        # Registered so that monkeypatch takes the module out again.
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
        return name

    return write


@pytest.fixture
def toys(
    make_registry: Callable[..., Registry],
    offering: Callable[..., ModuleType],
    write_package: Callable[[str, Mapping[str, str]], str],
) -> Registry:
    """A registry of ``toy_parts`` alone."""
    for package, files in PRESETS.items():
        write_package(package, files)
    return make_registry({"acme:toy": offering(**OFFERS)})


@pytest.fixture
def registry() -> Registry:
    """A registry of no plugin."""
    return Registry(Plugins())


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of decoded images and of Hugging Face that are the test's own."""
    cache = tmp_path / "caches"
    monkeypatch.setenv("GANZOO_CACHE", str(cache / "ganzoo"))
    monkeypatch.setenv("HF_HOME", str(cache / "huggingface"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache / "datasets")
    return cache


@pytest.fixture
def strangers_run(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a stranger, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_run, tmp_path / "run", symlinks=True)
    return Path("run")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """What is there if a bomb went off."""
    trace = tmp_path / "went-off"
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists(), "the bomb works"
    trace.unlink()
    return trace
