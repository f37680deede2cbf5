"""The contract: a sound plugin keeps it, and each check finds the plugin that breaks its rule."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rule_breakers import (
    DATASETS,
    LOSSES,
    METRICS,
    MODELS,
    OBSERVERS,
    PRIORS,
    Capturable,
    Forgetful,
    Sound,
    TellsBrightness,
)
from rule_breakers.priors import GivesParts

from ganzoo import (
    DatasetSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    PriorSpec,
    UserError,
    setting,
)
from ganzoo.cli import cli
from ganzoo.plugins import CONTAINED
from ganzoo.testing import ContractError, NotChecked, checks_of, parametrize_with_checks

pytest_plugins = ["ganzoo.testing.fixtures"]

WATCHING = """
from ganzoo import hookimpl

@hookimpl
def ganzoo_observers(run):
    from {where} import {name}
    yield {name}()
"""
PRESET = """
summary = "8x8 images"
[prior]
name = "structured"
size = 4
std = "fixed"
[prior.codes]
kind = "categorical(3)"
tone = "uniform(-1, 1)"
[loss.adversarial]
[loss.mutual_information]
[data]
size = 8
channels = 1
"""


@pytest.fixture
def presets(write_package) -> str:
    return write_package("contract_presets", {"default.toml": PRESET})


@pytest.fixture
def judged(offering):
    """What the checks say of a plugin: messages of those that fail by name, and all others."""

    def run(**offers) -> tuple[dict[str, str], dict[str, str]]:
        failed, skipped = {}, {}
        for check in checks_of(offering(**offers)):
            try:
                check()
            except NotChecked as reason:
                skipped[check.name] = str(reason)
            except CONTAINED as error:
                failed[check.name] = str(error)
        return failed, skipped

    return run


def assert_only(failed: dict[str, str], expected: set[str], culprit: str) -> None:
    assert set(failed) == expected, failed
    for message in failed.values():
        assert culprit in message


def address(offered: Any) -> str:
    """The string from which an offer is loaded."""
    return f"{offered.__module__}:{offered.__name__}"


def model_spec(model: type, presets: str, summary: str = "a model") -> ModelSpec:
    return ModelSpec("small", address(model), summary, presets=presets)


def test_a_sound_model_passes_every_check(judged, presets) -> None:
    failed, skipped = judged(models=[model_spec(Capturable, presets)])
    assert not failed
    # A module that a test makes has no file to be imported from.
    assert set(skipped) == {"check_plugin_module_is_light"}


@pytest.mark.parametrize(("model", "expected", "culprit"), MODELS)
def test_a_model_that_breaks_a_rule_fails_the_check_for_it(
    judged, presets, model, expected, culprit
) -> None:
    failed, _ = judged(models=[model_spec(model, presets)])
    assert_only(failed, expected, culprit)


@pytest.mark.parametrize(("loss", "expected", "culprit"), LOSSES)
def test_a_loss_is_checked_on_models_at_hand(judged, loss, expected, culprit) -> None:
    failed, _ = judged(losses=[LossSpec("odd", address(loss), "a loss")])
    assert_only(failed, expected, culprit)


@pytest.mark.parametrize(("prior", "expected", "culprit"), PRIORS)
def test_a_prior_is_checked_without_a_model_of_its_own(judged, prior, expected, culprit) -> None:
    failed, _ = judged(priors=[PriorSpec("odd", address(prior), "a prior")])
    assert_only(failed, expected, culprit)


def test_a_sample_of_another_type_is_named(judged) -> None:
    failed, _ = judged(priors=[PriorSpec("odd", address(GivesParts), "a prior")])
    for rule in ("sample", "draws_from_its_generator", "replace", "codes"):
        assert failed[f"check_prior_{rule}"] == "sample() gives a dict, not ganzoo.Latents"


@pytest.mark.parametrize(("source", "expected", "culprit"), DATASETS)
def test_a_data_set_is_checked_split_by_split(judged, source, expected, culprit) -> None:
    spec = DatasetSpec("odd", address(source), "data", splits=("train",))
    failed, _ = judged(datasets=[spec])
    assert_only(failed, expected, culprit)


def test_a_data_set_that_cannot_be_had_here_is_not_checked(judged) -> None:
    failed, skipped = judged(datasets=[DatasetSpec("odd", "rule_breakers:not_here", "data")])
    assert not failed
    assert "ask the authors" in skipped["check_dataset"]


@pytest.mark.parametrize(("metric", "expected", "culprit"), METRICS)
def test_a_metric_is_checked_on_models_at_hand(judged, metric, expected, culprit) -> None:
    failed, _ = judged(metrics=[MetricSpec("odd", address(metric), "a metric")])
    assert_only(failed, expected, culprit)


@pytest.mark.parametrize(("observer", "culprit"), OBSERVERS)
def test_what_watches_a_training_is_checked(write_package, observer, culprit) -> None:
    where = observer.__module__
    text = WATCHING.format(where=where, name=observer.__name__)
    module = import_module(
        write_package(f"watching_{observer.__name__}", {"plugin.py": text}) + ".plugin"
    )
    [check] = [each for each in checks_of(module) if each.name == "check_observers"]
    if not culprit:
        check()
        return
    with pytest.raises(ContractError, match=re.escape(culprit)):
        check()


def test_a_metric_may_say_that_it_does_not_apply(judged) -> None:
    failed, skipped = judged(metrics=[MetricSpec("odd", "rule_breakers:never", "a metric")])
    assert not failed
    assert "it is for sounds" in skipped["check_metric"]


@dataclass(frozen=True)
class Careless:
    width: int
    depth: int = 2


class NoDefaults(Sound):
    Config = Careless


class NoHelp(TellsBrightness):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        target: float = 0.0


class TakesWeight(TellsBrightness):
    @dataclass(frozen=True, kw_only=True)
    class Config(TellsBrightness.Config):
        weight: float = setting(1.0, "how strong")


@pytest.mark.parametrize(
    ("loss", "culprit"),
    [(NoHelp, "no help for target"), (TakesWeight, "Config.weight is the host's own setting")],
)
def test_settings_need_a_meaning_and_a_name_of_their_own(judged, loss, culprit) -> None:
    failed, _ = judged(losses=[LossSpec("odd", address(loss), "a loss")])
    assert culprit in failed["check_config"]


def test_settings_are_keyword_only_and_have_defaults(judged, presets) -> None:
    failed, skipped = judged(models=[model_spec(NoDefaults, presets)])
    assert "width, depth: make it keyword-only" in failed["check_config"]
    assert "model.width" in failed["check_preset"]
    assert "see check_preset[small/default]" in skipped["check_gradients"]


def test_a_preset_that_does_not_resolve_is_one_failure(judged, write_package) -> None:
    text = PRESET + "[model]\nwitdh = 3\n[prior.nested]\n"
    broken = write_package("broken_presets", {"default.toml": text})
    failed, _ = judged(models=[model_spec(Sound, broken)])
    assert set(failed) == {"check_preset"}
    assert "did you mean model.width?" in failed["check_preset"]


def test_a_preset_without_a_loss_trains_nothing(judged, write_package) -> None:
    text = PRESET.replace("[loss.adversarial]\n[loss.mutual_information]\n", "")
    folder = write_package("no_losses", {"default.toml": text})
    failed, _ = judged(models=[model_spec(Sound, folder)])
    assert_only(failed, {"check_preset"}, "no loss has a weight in any phase")


@pytest.mark.parametrize(
    ("spec", "check", "culprit"),
    [
        (LossSpec("odd", "rule_breakers:Sound", "x"), "check_import_string", "not a subclass"),
        (
            LossSpec("odd", "rule_breakers:Soundd", "x"),
            "check_import_string",
            "did you mean 'Sound'?",
        ),
        (LossSpec("odd", "rule_breakers:TellsBrightness", " "), "check_summaries", "loss odd"),
        (LossSpec("odd", "no string", "x"), "check_hooks", "'no string'"),
        (MetricSpec("odd", "rule_breakers:contrast", "x"), "check_hooks", "a MetricSpec"),
    ],
)
def test_specs_are_checked(judged, spec, check, culprit) -> None:
    failed, _ = judged(losses=[spec])
    assert culprit in failed[check]


def test_a_function_that_is_no_hook_is_the_only_failure(offering) -> None:
    [check] = checks_of(offering(modells=[]))
    with pytest.raises(AssertionError, match="did you mean ganzoo_models"):
        check()


PLUGIN = """
from ganzoo import LossSpec, hookimpl
{heavy}
@hookimpl
def ganzoo_losses():
    yield LossSpec("brightness", "rule_breakers:TellsBrightness", "a loss")
"""


def test_a_plugin_module_that_imports_torch_is_named_with_the_line(write_package) -> None:
    files = {"light.py": PLUGIN.format(heavy=""), "heavy.py": PLUGIN.format(heavy="import torch")}
    package = write_package("two_plugins", files)
    from importlib import import_module

    light, heavy = (import_module(f"{package}.{name}") for name in ("light", "heavy"))
    named = {check.name: check for check in checks_of(light)}
    named["check_plugin_module_is_light"]()
    named = {check.name: check for check in checks_of(heavy)}
    with pytest.raises(AssertionError, match=r"torch is imported at .*heavy\.py:3"):
        named["check_plugin_module_is_light"]()


# pytest and the command line


def params_of(plugin, **options):
    return {each.id: each for each in parametrize_with_checks(plugin, **options).args[1]}


def test_expected_failures_are_strict_and_have_a_reason(offering, presets) -> None:
    plugin = offering(models=[model_spec(Forgetful, presets)])
    params = params_of(plugin, expected_failures={"check_resume": "the count is not saved yet"})
    [mark] = params["check_resume[small/default]"].marks
    assert (mark.name, mark.kwargs) == (
        "xfail",
        {"reason": "the count is not saved yet", "strict": True},
    )
    assert not params["check_gradients[small/default]"].marks
    with pytest.raises(UserError, match="no check 'check_resum'; did you mean 'check_resume'"):
        params_of(plugin, expected_failures={"check_resum": "?"})


def test_what_is_not_checked_is_skipped(offering) -> None:
    plugin = offering(metrics=[MetricSpec("odd", "rule_breakers:never", "a metric")])
    [run] = params_of(plugin)["check_metric[odd]"].values
    with pytest.raises(pytest.skip.Exception, match="it is for sounds"):
        run()


def test_large_presets_are_slow(offering, write_package) -> None:
    large = PRESET + "[model]\nwidth = 100000\n"
    folder = write_package("large_presets", {"default.toml": PRESET, "large.toml": large})
    params = params_of(offering(models=[model_spec(Sound, folder)]))
    slow = {name for name, each in params.items() if any(m.name == "slow" for m in each.marks)}
    assert "check_gradients[small/large]" in slow
    assert not any("default" in name for name in slow)


def test_an_installed_plugin_is_not_loaded_twice() -> None:
    import ganzoo_dcgan.plugin

    checks = checks_of(ganzoo_dcgan.plugin)
    assert {check.case.plugin.qualified for check in checks if check.name == "check_hooks"} == {
        "torch-ganzoo:dcgan"
    }
    assert "check_gradients[dcgan/mnist]" in {check.id for check in checks}


FILE = """
from ganzoo import Loss, LossSpec, hookimpl

class Contrast(Loss):
    "More contrast."
    def terms(self):
        return {"generator": lambda pass_: -pass_.fake["image"]RESULT}

@hookimpl
def ganzoo_losses():
    yield LossSpec("contrast", "MODULE:Contrast", "asks for contrast")
"""


def test_the_command_checks_a_file_and_tells_by_its_exit_code(tmp_path) -> None:
    outcomes = {}
    for name, result in {"good_file_idea": ".std()", "bad_file_idea": ".std((1, 2, 3))"}.items():
        file = tmp_path / f"{name}.py"
        file.write_text(FILE.replace("RESULT", result).replace("MODULE", name))
        outcomes[name] = CliRunner().invoke(cli, ["check", str(file), "--json"])
    good = json.loads(outcomes["good_file_idea"].stdout)
    assert outcomes["good_file_idea"].exit_code == 0
    assert (good["plugin"], good["fail"]) == ("file:good_file_idea", 0)
    assert outcomes["bad_file_idea"].exit_code == 1
    bad = json.loads(outcomes["bad_file_idea"].stdout)
    [failure] = [each for each in bad["checks"] if each["state"] == "fail"]
    assert failure["check"] == "check_loss_is_a_scalar"
    assert "take its mean" in failure["reason"]
    assert bad["pass"] + bad["fail"] + bad["skip"] == len(bad["checks"])


MODEL = """
from torch import nn
from ganzoo import Adversarial, ModelSpec, hookimpl

class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))

    def forward(self, image):
        return {"logits": self.layers(image).squeeze(1)}

class Lines(Adversarial):
    "Straight lines."
    def networks(self):
        size = self.context.prior.size
        draw = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
        return {"generator": draw, "discriminator": Judge()}

@hookimpl
def ganzoo_models():
    yield ModelSpec("lines", "lines_model:Lines", "a model in a file")
"""
LINES = """
[prior]
name = "noise"
size = 4
[loss.adversarial]
[data]
size = 8
channels = 1
"""


def test_a_model_in_a_file_is_checked_with_the_settings_of_another_file(tmp_path) -> None:
    file, config = tmp_path / "lines_model.py", tmp_path / "lines.toml"
    file.write_text(MODEL)
    config.write_text(LINES)
    bare = CliRunner().invoke(cli, ["check", str(file)])
    assert bare.exit_code == 1
    assert "fail  check_preset[lines/default]" in bare.stdout
    told = CliRunner().invoke(cli, ["check", str(file), "--config", str(config)])
    assert told.exit_code == 0, told.stdout
    assert "pass  check_gradients[lines/default]" in told.stdout


def test_settings_for_a_plugin_without_a_model_are_refused(tmp_path) -> None:
    config = tmp_path / "some.toml"
    config.write_text(LINES)
    result = CliRunner().invoke(cli, ["check", "bundled", "--config", str(config)])
    assert result.exit_code == 2
    assert "torch-ganzoo:bundled has no model that --config could be laid over" in result.output


def test_the_command_shows_reasons_below_what_fails(offering, make_registry) -> None:
    plugin = offering(metrics=[MetricSpec("odd", "rule_breakers:plain_number", "a metric")])
    registry = make_registry({"acme:sounds": plugin})
    result = CliRunner().invoke(cli, ["check", "sounds"], obj=registry)
    assert result.exit_code == 0, "no model is there to try it on"
    assert "skip  check_metric[odd]\n      no model is installed" in result.stdout
    assert result.stdout.endswith("acme:sounds: 3 passed, 0 failed, 3 skipped\n")


def test_a_plugin_that_is_not_there_is_bad_usage() -> None:
    result = CliRunner().invoke(cli, ["check", "infogann"])
    assert result.exit_code == 2
    assert "no plugin called 'infogann'; did you mean 'infogan'?" in result.output


def test_the_fixtures_train_a_model_on_tiny_data(run_ganzoo, tiny_data) -> None:
    assert tiny_data.images.shape == (24, 1, 28, 28)
    settings = ["model.generator_dense=[8]", "model.discriminator_dense=[8]"]
    settings += ["train.batch_size=8", "train.precision=fp32"]
    given = [word for each in settings for word in ("--set", each)]
    run_ganzoo("run", "dcgan", "--data", tiny_data.folder, "--steps", 1, "--out", "here", *given)
    config = json.loads(Path("here/model/config.json").read_text())
    assert config["data"]["classes"] == list(tiny_data.classes)
    assert config["data"]["count"] == len(tiny_data.labels)
    assert "no model called" in run_ganzoo("show", "dcgann", code=2).output
