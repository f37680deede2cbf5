"""`ganzoo doctor` finds what is wrong with plugins, and asks the Hub if it is told to."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from commands import ganzoo
from distributions import write_distribution
from doctor_findings import findings, the_problem
from huggingface_hub import HfApi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("sound_machine")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``install(distribution, code)``: a distribution with one plugin, called as it is."""

    def install(name: str, code: str) -> None:
        place = tmp_path / "site" / name
        place.mkdir(parents=True)
        (place / f"{name}_plugin.py").write_text(code)
        write_distribution(place, name, "1.2", **{name: f"{name}_plugin"})
        monkeypatch.syspath_prepend(place)

    return install


OFFERING = """
from ganzoo import ModelSpec, hookimpl

@hookimpl
def ganzoo_models():
    yield ModelSpec("twin", "somewhere:Model", "A model")
"""


def test_a_broken_plugin_is_a_problem(install: Callable[[str, str], None]) -> None:
    install("cracked", "import nowhere_to_be_found\n")
    about, text, advice = the_problem()
    assert about == "broken"
    assert text.startswith("cracked from cracked 1.2: ModuleNotFoundError")
    assert "GANZOO_DISABLE_PLUGINS=cracked:cracked" in advice


def test_a_plugin_that_is_complained_of_is_a_problem(
    install: Callable[[str, str], None],
) -> None:
    install("odd", "from ganzoo import hookimpl\n@hookimpl\ndef ganzoo_losses():\n    yield 3\n")
    about, text, _ = the_problem()
    assert (about, text) == ("complaint", "odd:odd: ganzoo_losses yields a int, not a LossSpec")


def test_a_model_without_its_presets_is_a_problem(install: Callable[[str, str], None]) -> None:
    offering = OFFERING.replace('"A model"', '"A model", presets="nowhere.presets"')
    install("bare", offering)
    about, text, _ = the_problem()
    assert about == "complaint"
    assert text.startswith("bare:bare: no presets of twin in 'nowhere.presets': ModuleNotFound")


def test_one_name_from_two_distributions_is_a_problem(
    install: Callable[[str, str], None],
) -> None:
    install("castor", OFFERING)
    install("pollux", OFFERING)
    about, text, advice = the_problem()
    assert about == "clash"
    assert text == "several plugins offer a model called twin: castor 1.2 and pollux 1.2"
    assert "castor:twin or pollux:twin" in advice


def test_a_disabled_plugin_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "infogan")
    [disabled] = [finding for finding in findings() if finding["about"] == "disabled"]
    assert disabled["mark"] == "note"
    assert disabled["text"].startswith("infogan from torch-ganzoo")


def test_the_network_is_used_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[Any] = []
    asked: list[tuple[Any, Any]] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, at: connections.append(at))
    monkeypatch.setattr(
        HfApi, "dataset_info", lambda self, name, timeout: asked.append((name, self.token))
    )
    findings()
    assert (asked, connections) == ([], [])
    result = ganzoo("doctor", "--online")
    assert asked == [("ylecun/mnist", False)]
    assert "ok       hub          answers within" in result.stdout
    assert result.exit_code == 0


def test_a_hub_that_does_not_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "dataset_info", fail)
    result = ganzoo("doctor", "--online")
    assert result.exit_code == 1
    assert "problem  hub          does not answer: OSError: no route to host" in result.stdout
