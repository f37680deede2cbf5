"""What is installed is found, chosen by the environment, and joined by one-file plugins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from distributions import write_distribution

from ganzoo import UserError
from ganzoo.discovery import discover, survey
from ganzoo.plugins import BrokenPlugin, DisabledPlugin
from ganzoo.registry import Registry

GOOD = """
from ganzoo import LossSpec, hookimpl

@hookimpl
def ganzoo_losses():
    yield LossSpec("{name}", "{module}:Thing", "a thing")

class Thing: ...
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one plugin on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    added = set(sys.modules)

    def put(distribution: str, name: str, text: str, module: str) -> None:
        write_distribution(site, distribution, "1.5", **{name: module})
        (site / f"{module}.py").write_text(text.replace("{name}", name).replace("{module}", module))

    yield put
    for name in set(sys.modules) - added:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def states(plugins) -> dict[str, str]:
    return {record.qualified: type(record).__name__ for record in plugins.records}


def test_installed_plugins_are_found_and_a_broken_one_hurts_nobody(install, capsys) -> None:
    install("acme-gans", "wgan", GOOD, "acme_one")
    install("bad-luck", "luck", "import a_module_that_is_not_there", "bad_luck_plugin")
    plugins = discover(environ={"GANZOO_PLUGINS": "wgan,luck"})
    found = states(plugins)
    assert found["acme-gans:wgan"] == "LoadedPlugin"
    assert found["bad-luck:luck"] == "BrokenPlugin"
    [broken] = plugins.broken
    assert broken.version == "1.5"
    assert broken.source == "bad_luck_plugin"
    assert broken.reason == "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
    line = f"warning: plugin bad-luck:luck is left out: {broken.reason}\n"
    assert capsys.readouterr().err == line
    discover(environ={"GANZOO_PLUGINS": "luck"})
    assert capsys.readouterr().err == "", "said once per process"
    with pytest.raises(UserError, match="no loss called 'hing'") as caught:
        Registry(plugins).find("loss", "hing")
    assert "bad-luck:luck (ModuleNotFoundError" in str(caught.value.hint)


def test_two_plugins_of_one_name_are_both_there(install) -> None:
    install("acme-gans", "wgan", GOOD, "acme_two")
    install("other-gans", "wgan", GOOD, "other_two")
    plugins = discover(environ={"GANZOO_PLUGINS": "wgan"})
    assert [plugin.qualified for plugin in plugins.loaded] == ["acme-gans:wgan", "other-gans:wgan"]


@pytest.mark.parametrize("chosen", ["wgan", "acme-gans", "Acme_Gans", "acme-gans:wgan"])
def test_a_plugin_is_chosen_by_any_of_its_names(install, chosen) -> None:
    install("acme-gans", "wgan", GOOD, "acme_three")
    plugins = discover(environ={"GANZOO_PLUGINS": chosen})
    assert [plugin.qualified for plugin in plugins.loaded] == ["acme-gans:wgan"]
    banned = discover(environ={"GANZOO_DISABLE_PLUGINS": chosen})
    [record] = [record for record in banned.records if record.name == "wgan"]
    assert isinstance(record, DisabledPlugin)
    assert record.reason == f"in GANZOO_DISABLE_PLUGINS={chosen}"


def test_who_asks_for_what_a_plugin_offers_that_is_kept_out_is_told(install) -> None:
    install("acme-gans", "wgan", GOOD, "acme_five")
    registry = Registry(discover(environ={"GANZOO_DISABLE_PLUGINS": "wgan"}))
    with pytest.raises(UserError) as caught:
        registry.find("loss", "wgan")
    assert caught.value.hint is not None
    assert "Not loaded, by GANZOO_PLUGINS or GANZOO_DISABLE_PLUGINS: wgan." in caught.value.hint


def test_an_empty_choice_leaves_the_host_alone(install) -> None:
    install("acme-gans", "wgan", GOOD, "acme_four")
    plugins = discover(environ={"GANZOO_PLUGINS": ""})
    assert plugins.loaded == []
    assert {type(record) for record in plugins.records} == {DisabledPlugin}
    assert plugins.why_incomplete() == (
        "No plugin is loaded: GANZOO_PLUGINS is set and empty: the host stands alone."
    )


def test_a_misspelt_choice_is_told(install, capsys) -> None:
    install("acme-gans", "wgan", GOOD, "acme_five")
    discover(environ={"GANZOO_PLUGINS": "wgn"})
    said = "warning: GANZOO_PLUGINS: no plugin 'wgn' is installed; did you mean 'wgan'?\n"
    assert capsys.readouterr().err == said


def test_strict_ends_the_command(install) -> None:
    install("bad-luck", "luck", "1 / 0", "bad_luck_strict")
    with pytest.raises(UserError, match="ZeroDivisionError") as caught:
        discover(environ={"GANZOO_PLUGINS": "luck", "GANZOO_STRICT_PLUGINS": "1"})
    assert "GANZOO_STRICT_PLUGINS" in str(caught.value.hint)
    lax = discover(environ={"GANZOO_PLUGINS": "luck", "GANZOO_STRICT_PLUGINS": "0"})
    assert isinstance(lax.records[-1], BrokenPlugin | DisabledPlugin)


@pytest.fixture
def write_file(tmp_path, monkeypatch):
    """Write a one-file plugin whose module is forgotten afterwards."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text.replace("{module}", file.stem).replace("{name}", "thing"))
        if file.stem not in sys.modules:
            monkeypatch.setitem(sys.modules, file.stem, None)
            del sys.modules[file.stem]
        return file

    return write


ALONE = {"GANZOO_PLUGINS": ""}


def test_one_file_is_a_plugin_and_its_import_strings_work(write_file) -> None:
    file = write_file("my_idea.py", GOOD)
    path = list(sys.path)
    plugins = discover([file], environ=ALONE)
    [record] = plugins.loaded
    assert record.qualified == "file:my_idea"
    assert record.path == str(file)
    registry = Registry(plugins)
    [offer] = registry.all("loss")
    assert sys.modules["my_idea"].Thing is not None
    with pytest.raises(UserError, match=r"not a subclass of ganzoo\.Loss"):
        registry.load(offer)
    assert sys.path == path


def test_the_same_file_may_be_loaded_again(write_file, monkeypatch) -> None:
    file = write_file("my_idea_again.py", GOOD)
    discover([file], environ=ALONE)
    module = sys.modules["my_idea_again"]
    monkeypatch.chdir(file.parent)
    assert len(discover([Path(file.name), file], environ=ALONE).loaded) == 1
    assert sys.modules["my_idea_again"] is module


def test_a_file_that_could_be_imported_from_here_is_no_clash(write_file, monkeypatch) -> None:
    file = write_file("my_idea_here.py", GOOD)
    monkeypatch.syspath_prepend(file.parent)
    assert len(discover([file], environ=ALONE).loaded) == 1


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("broken_idea.py", "x = 1\nraise ValueError('no')", r"ValueError: no \(line 2\)"),
        ("unclear_idea.py", "def f(:\n", r"SyntaxError: .*line 1"),
        ("idle_idea.py", "x = 1", "implements no hook"),
        ("json.py", GOOD, "there is a module 'json' already"),
        ("wave.py", GOOD, "there is a module 'wave' already"),
        ("my-idea.py", GOOD, "its name cannot be a module's"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_an_error(write_file, name, text, complaint) -> None:
    file = write_file(name, text)
    with pytest.raises(UserError, match=complaint) as caught:
        discover([file], environ=ALONE)
    assert str(file) in caught.value.what
    assert "\n" not in caught.value.what


def test_a_file_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(UserError, match="no such file"):
        discover([tmp_path / "nothing.py"], environ=ALONE)


def test_a_choice_that_admits_two_packages_is_told(install, capsys) -> None:
    install("acme-gans", "wgan", GOOD, "acme_six")
    install("other-gans", "wgan", GOOD, "other_six")
    discover(environ={"GANZOO_PLUGINS": "wgan"})
    said = (
        "warning: GANZOO_PLUGINS: 'wgan' admits the plugins of 2 packages: acme-gans, other-gans\n"
    )
    assert capsys.readouterr().err == said
    discover(environ={"GANZOO_PLUGINS": "acme-gans"})
    assert capsys.readouterr().err == ""


def test_an_entry_point_that_is_no_module_is_listed_and_hurts_nobody(install) -> None:
    install("bad-luck", "luck", GOOD, "bad_luck_nonsense")
    install("worse-luck", "worse", GOOD, "not a module!")
    environ = {"GANZOO_PLUGINS": "worse,luck"}
    [record] = [each for each in survey(environ=environ).records if each.name == "worse"]
    assert record.path is None
    assert states(discover(environ=environ))["worse-luck:worse"] == "BrokenPlugin"
