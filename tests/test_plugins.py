"""Plugins that break a rule fail alone, in one line."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from ganzoo import LossSpec, UserError, hookimpl
from ganzoo.plugins import BrokenPlugin, LoadedPlugin, Plugin, Plugins

FOUND = Plugin(name="wgan", distribution="acme-gans", version="1.0", source="acme.plugin")


def admit(plugin: object, **options: bool) -> LoadedPlugin | BrokenPlugin:
    return Plugins(**options).admit(FOUND, lambda: plugin)


def module(**contents: object) -> ModuleType:
    made = ModuleType("acme")
    vars(made).update(contents)
    return made


def hook(name: str = "ganzoo_losses"):
    def losses():
        yield LossSpec("hinge", "acme:Hinge", "a hinge")

    losses.__name__ = name
    return hookimpl(losses)


def test_a_good_plugin_is_loaded_with_its_hooks() -> None:
    record = admit(module(ganzoo_api=1, ganzoo_losses=hook()))
    assert isinstance(record, LoadedPlugin)
    assert record.hooks == ("ganzoo_losses",)
    assert record.qualified == "acme-gans:wgan"
    assert not record.imports_torch


@pytest.mark.parametrize("error", [RuntimeError("no luck\nat all"), SystemExit(3), ImportError()])
def test_whatever_a_plugin_raises_at_import_is_one_line(error, capsys) -> None:
    def load() -> object:
        raise error

    record = Plugins().admit(FOUND, load)
    assert isinstance(record, BrokenPlugin)
    assert "\n" not in record.reason
    assert record.reason.startswith(type(error).__name__)
    assert "Traceback" in record.details
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"warning: plugin acme-gans:wgan is left out: {record.reason}"]
    assert said.out == ""


def test_a_keyboard_interrupt_is_nobodys_fault() -> None:
    def load() -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Plugins().admit(FOUND, load)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (
            {"ganzoo_model": hook("ganzoo_model")},
            "ganzoo_model is not a hook; did you mean ganzoo_models?",
        ),
        (
            {"ganzoo_losses": hookimpl(lambda registry: [])},
            "ganzoo_losses takes registry, but is given nothing",
        ),
        (
            {"ganzoo_observers": hookimpl(lambda run, model: [])},
            "ganzoo_observers takes model, but is given only run",
        ),
        (
            {"ganzoo_losses": lambda: iter(())},
            "ganzoo_losses is not marked: put @hookimpl above it",
        ),
        (
            {"ganzoo_losses": hookimpl(wrapper=True)(lambda: (yield))},
            "ganzoo_losses is marked as a wrapper; hooks are not wrapped here",
        ),
        (
            {"ganzoo_api": 2, "ganzoo_losses": hook()},
            "made for plugin interface 2, this is 1: upgrade torch-ganzoo",
        ),
        (
            {"ganzoo_api": 0, "ganzoo_losses": hook()},
            "made for plugin interface 0, this is 1: upgrade acme-gans",
        ),
    ],
)
def test_a_broken_rule_is_named(contents, reason) -> None:
    record = admit(module(**contents))
    assert isinstance(record, BrokenPlugin)
    assert record.reason == reason


def test_a_module_without_any_hook_is_broken() -> None:
    record = admit(module())
    assert isinstance(record, BrokenPlugin)
    assert record.reason.startswith("implements no hook; there are ganzoo_models, ")


def test_a_broken_plugin_leaves_no_hook_behind() -> None:
    host = Plugins()
    host.admit(FOUND, lambda: module(ganzoo_losses=hook(), ganzoo_model=hook("ganzoo_model")))
    assert host.call("ganzoo_losses") == []


def test_the_same_object_twice_leaves_the_first_in_place() -> None:
    host = Plugins()
    plugin = module(ganzoo_losses=hook())
    assert isinstance(host.admit(FOUND, lambda: plugin), LoadedPlugin)
    assert isinstance(host.admit(FOUND, lambda: plugin), BrokenPlugin)
    assert len(host.call("ganzoo_losses")) == 1


def test_strict_makes_a_broken_plugin_an_error() -> None:
    with pytest.raises(UserError, match=r"acme-gans:wgan is left out: implements no hook"):
        admit(module(), strict=True)


def test_whoever_brings_torch_is_named(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    def load() -> object:
        monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
        return module(ganzoo_losses=hook())

    record = Plugins().admit(FOUND, load)
    assert isinstance(record, LoadedPlugin)
    assert record.imports_torch


def test_what_a_plugin_prints_at_import_does_not_reach_stdout(capsys) -> None:
    def load() -> object:
        print("hello")
        return module(ganzoo_losses=hook())

    Plugins().admit(FOUND, load)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\n")


def test_a_hook_that_raises_loses_its_own_items_only(capsys) -> None:
    @hookimpl
    def ganzoo_losses():
        yield LossSpec("first", "acme:First", "")
        raise RuntimeError("out of order")

    other = Plugin(name="other", distribution="other")
    host = Plugins()
    host.admit(FOUND, lambda: module(ganzoo_losses=ganzoo_losses))
    host.admit(other, lambda: module(ganzoo_losses=hook()))
    called = host.call("ganzoo_losses")
    assert [(plugin.name, [spec.name for spec in specs]) for plugin, specs in called] == [
        ("other", ["hinge"])
    ]
    expected = "warning: plugin acme-gans:wgan: ganzoo_losses raises RuntimeError: out of order\n"
    assert capsys.readouterr().err == expected
    host.call("ganzoo_losses")
    assert capsys.readouterr().err == ""
    assert len(host.complaints) == 1


def test_a_hook_that_returns_nothing_is_named() -> None:
    host = Plugins()
    host.admit(FOUND, lambda: module(ganzoo_losses=hookimpl(lambda: None)))
    assert host.call("ganzoo_losses") == []
    assert host.complaints[0].reason == "ganzoo_losses returns None, not an iterable"


def test_a_hook_may_take_fewer_arguments_than_it_is_given() -> None:
    host = Plugins()
    host.admit(FOUND, lambda: module(ganzoo_observers=hookimpl(lambda: ["watching"])))
    assert [items for _, items in host.call("ganzoo_observers", run=None)] == [["watching"]]
