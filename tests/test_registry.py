"""What is on offer can be found, told apart and imported."""

from __future__ import annotations

import click
import pytest

from ganzoo import (
    DatasetSpec,
    Loss,
    LossSpec,
    MetricSpec,
    Model,
    ModelSpec,
    Prior,
    PriorSpec,
    UserError,
    hookimpl,
)


class Wgan(Model):
    """A model to import."""


class Hinge(Loss):
    """A loss to import."""


class Noise(Prior):
    """A prior to import."""


def score(loaded, budget):
    """A metric to import."""


class Drawer:
    """A class that holds a model."""

    Inner = Wgan


HERE = __name__
WGAN = ModelSpec("wgan", f"{HERE}:Wgan", "a critic")


def test_offers_keep_where_they_came_from(make_registry, offering) -> None:
    registry = make_registry({"acme-gans:wgan": offering(models=[WGAN])})
    [offer] = registry.all("model")
    assert (offer.spec, offer.package, offer.plugin, offer.version) == (
        WGAN,
        "acme-gans",
        "wgan",
        "1.0",
    )
    assert registry.find("model", "wgan") is offer
    assert registry.load(offer) is Wgan


def test_every_kind_is_loaded(make_registry, offering) -> None:
    plugin = offering(
        models=[WGAN],
        losses=[LossSpec("hinge", f"{HERE}:Hinge", "")],
        priors=[PriorSpec("noise", f"{HERE}:Noise", "")],
        datasets=[DatasetSpec("discs", f"{HERE}:score", "")],
        metrics=[MetricSpec("score", f"{HERE}:score", "")],
    )
    registry = make_registry({"acme:all": plugin})
    kinds = {"model": Wgan, "loss": Hinge, "prior": Noise, "dataset": score, "metric": score}
    for kind, thing in kinds.items():
        [offer] = registry.all(kind)
        assert registry.load(offer) is thing


def test_an_attribute_may_lie_deeper(make_registry, offering) -> None:
    registry = make_registry(
        {"acme:x": offering(models=[ModelSpec("wgan", f"{HERE}:Drawer.Inner", "")])}
    )
    assert registry.load(registry.find("model", "wgan")) is Wgan


def test_an_unknown_name_gets_a_near_miss_and_a_list(make_registry, offering) -> None:
    registry = make_registry({"acme:x": offering(models=[WGAN])})
    with pytest.raises(UserError) as caught:
        registry.find("model", "wgn")
    assert caught.value.what == "no model called 'wgn'; did you mean 'wgan'?"
    assert caught.value.hint == "There are: wgan."
    with pytest.raises(UserError, match="no data set called 'wgan'") as caught:
        registry.find("dataset", "wgan")
    assert caught.value.hint == "wgan is a model.\nNo plugin offers a data set."


def test_two_packages_with_one_name_clash_at_use_only(make_registry, offering) -> None:
    plugins = {"acme-gans:one": offering(models=[WGAN]), "ganzoo-wgan:two": offering(models=[WGAN])}
    registry = make_registry(plugins)
    assert len(registry.all("model")) == 2
    with pytest.raises(UserError) as caught:
        registry.find("model", "wgan")
    assert caught.value.what == (
        "two plugins offer a model called 'wgan': acme-gans 1.0 and ganzoo-wgan 1.0"
    )
    assert "Say which: acme-gans:wgan or ganzoo-wgan:wgan," in str(caught.value.hint)
    assert registry.find("model", "ganzoo-wgan:wgan").plugin == "two"
    assert registry.find("model", "one:wgan").package == "acme-gans"
    with pytest.raises(UserError, match="no model called 'acme-gan:wgan'; did you mean 'acme-gans"):
        registry.find("model", "acme-gan:wgan")


def test_two_plugins_of_one_package_are_told_apart_by_plugin(make_registry, offering) -> None:
    registry = make_registry(
        {"acme:one": offering(models=[WGAN]), "acme:two": offering(models=[WGAN])}
    )
    with pytest.raises(UserError, match="two plugins") as caught:
        registry.find("model", "acme:wgan")
    assert "one:wgan or two:wgan" in str(caught.value.hint)
    assert registry.find("model", "acme:two:wgan").plugin == "two"


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([LossSpec("hinge", "a:b", "")], "yields a LossSpec, not a ModelSpec"),
        (["wgan"], "yields a str, not a ModelSpec"),
        ([None], "yields None, not a ModelSpec"),
        (WGAN, "returns a ModelSpec, not an iterable"),
        ([WGAN, WGAN], "yields 'wgan' twice"),
        ([ModelSpec("a.b", "a:b", "")], "yields the name 'a.b'; letters, digits, '_' and '-'"),
        ([ModelSpec("wgan", "acme.Wgan", "")], "not of the form 'module:attribute'"),
    ],
)
def test_a_wrong_item_is_its_plugins_own_failure(
    make_registry, offering, items, reason, capsys
) -> None:
    other = ModelSpec("other", f"{HERE}:Wgan", "")
    registry = make_registry(
        {"acme:bad": offering(models=items), "acme:good": offering(models=[other])}
    )
    assert [offer.name for offer in registry.all("model")] == ["other"]
    [complaint] = registry.plugins.complaints
    assert complaint.subject == "acme:bad"
    assert reason in complaint.reason
    assert capsys.readouterr().err == f"warning: plugin acme:bad: {complaint.reason}\n"
    with pytest.raises(UserError) as caught:
        registry.find("model", "wgan")
    assert "acme:bad (ganzoo_models " in str(caught.value.hint)


@pytest.mark.parametrize(
    ("string", "reason"),
    [
        ("a_module_that_is_not_there:X", "ModuleNotFoundError: No module named"),
        (f"{HERE}:Wga", "there is no 'Wga' in it; did you mean 'Wgan'?"),
        (f"{HERE}:Hinge", "it is not a subclass of ganzoo.Model"),
        (f"{HERE}:score", "it is not a subclass of ganzoo.Model"),
    ],
)
def test_what_cannot_be_imported_names_plugin_and_string(
    make_registry, offering, string, reason
) -> None:
    registry = make_registry({"acme:x": offering(models=[ModelSpec("wgan", string, "")])})
    with pytest.raises(UserError) as caught:
        registry.load(registry.find("model", "wgan"))
    assert caught.value.what.startswith(f"plugin acme:x: cannot load {string!r}: ")
    assert reason in caught.value.what


def test_a_module_that_raises_anything_is_contained(make_registry, offering, write_package) -> None:
    package = write_package("acme_bomb", {"__init__.py": "raise SystemExit('boom')"})
    spec = ModelSpec("wgan", f"{package}:X", "")
    registry = make_registry({"acme:x": offering(models=[spec])})
    with pytest.raises(UserError, match="SystemExit: boom") as caught:
        registry.load(registry.find("model", "wgan"))
    assert caught.value.hint == "The whole traceback: python -c 'import acme_bomb'"


def test_commands_are_offers_too(make_registry, offering) -> None:
    command = click.Command("dance")
    registry = make_registry({"acme:x": offering(commands=[command])})
    assert registry.find("command", "dance").spec is command
    bad = make_registry({"acme:x": offering(commands=[print])})
    assert bad.all("command") == ()
    assert "not a Command" in bad.plugins.complaints[0].reason


def test_hooks_are_called_once(make_registry) -> None:
    calls = []

    class Counting:
        @staticmethod
        @hookimpl
        def ganzoo_models():
            calls.append(1)
            return [WGAN]

    registry = make_registry({"acme:x": Counting})
    registry.all("model")
    registry.find("model", "wgan")
    assert calls == [1]


def zoo(make_registry, offering, write_package, one, two):
    first = write_package("presets_one", {f"{name}.toml": text for name, text in one.items()})
    second = write_package("presets_two", {f"{name}.toml": text for name, text in two.items()})
    specs = [
        ModelSpec("one", f"{HERE}:Wgan", "", presets=first),
        ModelSpec("two", f"{HERE}:Wgan", "", presets=second),
    ]
    return make_registry({"acme:x": offering(models=specs)})


def test_a_preset_stands_on_what_it_extends(make_registry, offering, write_package) -> None:
    registry = zoo(
        make_registry,
        offering,
        write_package,
        {"plain": "", "fancy": 'extends = "plain"'},
        {"mine": 'extends = "one/fancy"'},
    )
    line = registry.lineage(registry.find("model", "two"), "mine")
    assert [(owner.name, preset.name) for owner, preset in line] == [
        ("one", "plain"),
        ("one", "fancy"),
        ("two", "mine"),
    ]
    assert list(registry.presets(registry.find("model", "one"))) == ["fancy", "plain"]


def test_presets_in_a_circle_are_an_error(make_registry, offering, write_package) -> None:
    registry = zoo(
        make_registry,
        offering,
        write_package,
        {"a": 'extends = "two/b"'},
        {"b": 'extends = "one/a"'},
    )
    with pytest.raises(UserError, match="one/a -> two/b -> one/a"):
        registry.lineage(registry.find("model", "one"), "a")
