"""Presets come from the package that a model names."""

from __future__ import annotations

import pytest

from ganzoo import ModelSpec, UserError
from ganzoo.presets import read_preset


def spec(presets: str) -> ModelSpec:
    return ModelSpec("vae", "acme:VAE", "", presets=presets, default_preset="small")


def test_a_preset_has_a_table_a_summary_and_what_it_extends(write_package) -> None:
    package = write_package(
        "acme_presets", {"small.toml": 'summary = "tiny"\nextends = "big"\n[train]\nsteps = 3\n'}
    )
    preset = read_preset(spec(package), "acme:vae", "small")
    assert (preset.summary, preset.extends) == ("tiny", "big")
    assert preset.table == {"train": {"steps": 3}}


def test_an_unknown_preset_gets_a_near_miss_and_a_list(write_package) -> None:
    package = write_package("acme_presets", {"small.toml": "", "large.toml": ""})
    with pytest.raises(UserError, match="vae has no preset 'smal'; did you mean 'small'") as caught:
        read_preset(spec(package), "acme:vae", "smal")
    assert caught.value.hint == "Presets of vae: large, small."


def test_a_model_without_presets_has_an_empty_one() -> None:
    assert read_preset(spec(""), "acme:vae", "default").table == {}
    with pytest.raises(UserError, match="has no preset 'mnist'"):
        read_preset(spec(""), "acme:vae", "mnist")


@pytest.mark.parametrize("text", ["steps =", "summary = 3", "\xff"])
def test_a_bad_file_names_plugin_and_preset(write_package, text) -> None:
    package = write_package("acme_presets", {"small.toml": text})
    with pytest.raises(UserError, match="plugin acme:vae: preset vae/small"):
        read_preset(spec(package), "acme:vae", "small")


def test_a_missing_package_of_presets_names_the_plugin() -> None:
    with pytest.raises(UserError, match=r"plugin acme:vae: no presets of vae in 'no_such_package'"):
        read_preset(spec("no_such_package"), "acme:vae", "small")
