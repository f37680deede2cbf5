"""The contract: a sound plugin keeps it, and each check finds the plugin that breaks its rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from ganzoo import (
    Adversarial,
    DatasetSpec,
    Latents,
    Loss,
    LossSpec,
    MetricSpec,
    ModelSpec,
    PriorSpec,
    UserError,
    setting,
)
from ganzoo.cli import cli
from ganzoo.metrics import NotApplicable, Score
from ganzoo.plugins import CONTAINED
from ganzoo.testing import NotChecked, checks_of, parametrize_with_checks
from ganzoo_infogan.priors import StructuredPrior

pytest_plugins = ["ganzoo.testing.fixtures"]

HERE = __name__
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


# A model that keeps the contract


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LeakyReLU(0.2))
        self.head = nn.Linear(16, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.trunk(image)
        return {"logits": self.head(features).squeeze(1), "features": features}


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 5)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        kind, tone = self.layer(features).split([3, 2], dim=1)
        return {"kind": kind, "tone": tone}


class Sound(Adversarial):
    image_range = (0.0, 1.0)
    critic_trains = ("discriminator", "q")

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = setting(16, "units of the generator's hidden layer")

    def networks(self) -> dict[str, nn.Module]:
        layers = [nn.Linear(self.context.prior.size, self.config.width), nn.ReLU()]
        layers += [nn.Linear(self.config.width, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))]
        return {"generator": nn.Sequential(*layers), "discriminator": Critic(), "q": Reader()}

    def encode(self, nets, batch):
        outputs = nets["q"](self.judge(nets, batch)["features"])
        codes = self.context.prior.codes
        return {name: codes[name].read(output) for name, output in outputs.items()}


# Models that break one rule each


class PhaseTwice(Sound):
    def phases(self):
        critic, generator = super().phases()
        return critic, generator, replace(critic, every=2)


class NeverTrained(Sound):
    def networks(self):
        return super().networks() | {"spare": nn.Linear(2, 2)}


class Hidden(Sound):
    def __init__(self, config, context) -> None:
        super().__init__(config, context)
        self.projection = nn.Linear(2, 2)


class Shared(Sound):
    def networks(self):
        networks = super().networks()
        networks["q"].tied = networks["discriminator"].head
        return networks


class HalfUsed(Sound):
    def networks(self):
        networks = super().networks()
        networks["discriminator"].spare = nn.Linear(2, 2)
        return networks


class Unfreezes(Sound):
    def deceive(self, nets, batch, draw, shared):
        for parameter in nets["discriminator"].parameters():
            parameter.requires_grad_(True)
        return super().deceive(nets, batch, draw, shared)


class NotDetached(Sound):
    def criticise(self, nets, batch, draw, shared):
        pass_ = super().criticise(nets, batch, draw, shared)
        if "fake" not in shared:
            return pass_
        return replace(pass_, on_fake=self.judge(nets, shared["fake"]))


class ReachesInside(Sound):
    def judge(self, nets, batch):
        nets["discriminator"].head.weight.mean()
        return super().judge(nets, batch)


@dataclass
class Output:
    logits: Tensor
    features: Tensor


class ReturnsDataclass(Sound):
    def networks(self):
        class Other(Critic):
            def forward(self, image):
                return Output(**super().forward(image))

        return super().networks() | {"discriminator": Other()}

    def judge(self, nets, batch):
        return vars(nets["discriminator"](batch["image"]))


class OwnDice(Sound):
    def judge(self, nets, batch):
        image = batch["image"]
        return super().judge(nets, {"image": image + 0.1 * torch.rand(image.shape)})


class NumpyDice(Sound):
    def judge(self, nets, batch):
        return super().judge(nets, {"image": batch["image"] + float(np.random.rand())})


class SameEveryTurn(Sound):
    def draw_latents(self, batch, draw):
        return replace(draw, step=0).latents()


class SameOnRanks(Sound):
    def draw_latents(self, batch, draw):
        n = len(batch["image"])
        return draw.prior.sample(n, generator=draw.generator, device=draw.device)


class OutOfRange(Sound):
    image_range = (-0.25, 0.25)


class Deaf(Sound):
    def generate(self, nets, latents, generator=None):
        return super().generate(nets, Latents(0 * latents.flat, latents.parts), generator)


class NoisyNetwork(Sound):
    def networks(self):
        class Noise(nn.Module):
            def forward(self, image):
                return (image + 0.01 * torch.rand(image.shape)).clamp(0, 1)

        networks = super().networks()
        return networks | {"generator": networks["generator"].append(Noise())}


class StrangeCode(Sound):
    def encode(self, nets, batch):
        return {"sort": super().encode(nets, batch)["kind"]}


class FloatCategory(Sound):
    def encode(self, nets, batch):
        codes = super().encode(nets, batch)
        return codes | {"kind": codes["kind"].float()}


class Saturates(Sound):
    def networks(self):
        class Other(Critic):
            def forward(self, image):
                outputs = super().forward(image)
                # In bf16 the sigmoid of 7 is 1.
                share = torch.sigmoid(outputs["logits"] + 7)
                return outputs | {"logits": torch.log(1 - share)}

        return super().networks() | {"discriminator": Other()}


class Forgetful(Sound):
    count = 0

    def judge(self, nets, batch):
        self.count += 1
        outputs = super().judge(nets, batch)
        return outputs | {"logits": self.count * outputs["logits"]}


class Pickled(Sound):
    def state_dict(self):
        return {"settings": self.config}


MODELS = [
    (PhaseTwice, {"check_phases"}, "critic"),
    (NeverTrained, {"check_every_network_is_trained"}, "spare"),
    (Hidden, {"check_every_network_is_trained"}, "projection.weight"),
    (Shared, {"check_no_parameter_is_shared"}, "discriminator.head.weight = q.tied.weight"),
    (
        HalfUsed,
        {"check_gradients", "check_gradients_with_shared_fakes"},
        "phase 'critic' trains discriminator, q, but nothing reaches discriminator.spare.weight",
    ),
    (
        Unfreezes,
        {
            "check_gradients",
            "check_gradients_with_shared_fakes",
            "check_networks_are_only_called",
            "check_resume",
        },
        "discriminator",
    ),
    (NotDetached, {"check_gradients_with_shared_fakes"}, "'generator' cannot go backwards"),
    (ReachesInside, {"check_networks_are_only_called"}, "`head` of the network 'discriminator'"),
    (ReturnsDataclass, {"check_network_outputs"}, "'discriminator' returns a Output"),
    (OwnDice, {"check_draws"}, "critic: on_real.logits"),
    (NumpyDice, {"check_draws"}, "critic: on_real.logits"),
    (SameEveryTurn, {"check_steps"}, "'critic' draws the same latents in turn 0 and 1"),
    (SameOnRanks, {"check_ranks"}, "'critic' draws the same latents on both of two ranks"),
    (OutOfRange, {"check_generate", "check_preview"}, "beyond image_range (-0.25, 0.25)"),
    (Deaf, {"check_generate"}, "latents.flat"),
    (NoisyNetwork, {"check_same_seed_same_samples"}, "draw nothing in eval mode"),
    (StrangeCode, {"check_encode"}, "encode() gives sort; the prior's codes are kind, tone"),
    (FloatCategory, {"check_encode"}, "kind as torch.float32"),
    (Saturates, {"check_bf16"}, "loss/critic/adversarial"),
    (Forgetful, {"check_resume"}, "state_dict()"),
    (Pickled, {"check_resume"}, "more than tensors"),
]


# Losses


class TellsBrightness(Loss):
    """Keeps the contract on any adversarial model."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        target: float = setting(0.0, "brightness to come near to")

    def terms(self):
        return {"critic": self.critic, "generator": self.generator}

    def critic(self, pass_):
        return pass_.on_real["logits"].mean()

    def generator(self, pass_):
        return (pass_.fake["image"].mean() - self.config.target).square()


class NoSuchPhase(TellsBrightness):
    def terms(self):
        return {"critik": self.critic}


class NoSuchNetwork(TellsBrightness):
    needs = ("autoencoder",)


class NoMean(TellsBrightness):
    def generator(self, pass_):
        return pass_.on_fake["logits"]


class Detaches(TellsBrightness):
    def generator(self, pass_):
        return super().generator(pass_).detach()


class Writes(TellsBrightness):
    def generator(self, pass_):
        pass_.on_fake["logits"].detach().mul_(2)
        return super().generator(pass_)


class GoesBackwards(TellsBrightness):
    def generator(self, pass_):
        super().generator(pass_).backward(retain_graph=True)
        return super().generator(pass_)


class Remembers(TellsBrightness):
    def critic(self, pass_):
        self.seen = super().critic(pass_).detach()
        return super().critic(pass_)

    def generator(self, pass_):
        return super().generator(pass_) + self.seen


LOSSES = [
    (TellsBrightness, set(), ""),
    (NoSuchPhase, {"check_loss_fits_a_model"}, "critik"),
    (NoSuchNetwork, {"check_loss_fits_a_model"}, "autoencoder"),
    (NoMean, {"check_loss_is_a_scalar"}, "'generator' has the shape (8,)"),
    (Detaches, {"check_loss_is_a_scalar"}, "'generator' has no gradient"),
    (Writes, {"check_loss_only_reads"}, "on_fake.logits"),
    (GoesBackwards, {"check_loss_only_reads"}, "generator.layers.0.weight"),
    (Remembers, {"check_loss_phases_stand_alone"}, "no attribute 'seen'"),
]


# Priors


class Coded(StructuredPrior):
    """Keeps the contract, with codes by default."""

    @dataclass(frozen=True, kw_only=True)
    class Config(StructuredPrior.Config):
        codes: dict[str, str] = setting(
            help="codes",
            factory=lambda: {"kind": "categorical(3)", "tone": "uniform(-1, 1)"},
        )


class FewRows(Coded):
    def sample(self, n, *, generator, device):
        flat, parts = super().sample(n, generator=generator, device=device)
        return Latents(flat, parts | {"extra": flat[:2]})


class IgnoresGenerator(Coded):
    def sample(self, n, *, generator, device):
        return super().sample(n, generator=None, device=device)


class ReplacesNoise(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(moved.flat, moved.parts | {"noise": moved.parts["noise"] + 1})


class ReplacesNothing(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(latents.flat, moved.parts)


class Doubles(Coded):
    def sample(self, n, *, generator, device):
        flat, parts = super().sample(n, generator=generator, device=device)
        return Latents(flat.double(), parts)


PRIORS = [
    (Coded, set(), ""),
    (FewRows, {"check_prior_sample"}, "parts extra do not have n = 8 rows"),
    (IgnoresGenerator, {"check_prior_draws_from_its_generator"}, "kind"),
    (ReplacesNoise, {"check_prior_replace"}, "replace() of kind moves noise"),
    (ReplacesNothing, {"check_prior_replace"}, "replace() of kind does not reach flat"),
    (Doubles, {"check_prior_drives_a_model"}, "dcgan/mnist cannot train with it"),
]


# Data sets and metrics


class Squares:
    """Keeps the contract, with factors."""

    image_shape = (1, 8, 8)
    classes: Any = ("left", "right")
    factor_names = ("side", "shade")
    factor_sizes = (2, 8)

    def __init__(self, split: str) -> None:
        self.split = split

    def __len__(self) -> int:
        return 16

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        shade = (indices % 8 * 30).to(torch.uint8)
        image = shade.view(-1, 1, 1, 1).expand(-1, 1, 8, 8).clone()
        return {"image": image, "label": indices // 8}

    def factors(self, indices: Tensor) -> Tensor:
        return torch.stack([indices // 8, indices % 8], 1)

    def places(self, factors: Tensor) -> Tensor:
        return factors @ torch.tensor([8, 1])


class FloatImages(Squares):
    def gather(self, indices):
        batch = super().gather(indices)
        return batch | {"image": batch["image"] / 255}


class OtherShape(Squares):
    image_shape = (3, 8, 8)


class WrongLabels(Squares):
    classes = ("left",)


class OtherEachTime(Squares):
    def gather(self, indices):
        batch = super().gather(indices)
        return batch | {"image": torch.randint_like(batch["image"], 256)}


class LastFactorSlowest(Squares):
    def places(self, factors):
        return factors @ torch.tensor([1, 2])


def not_here(split: str) -> None:
    raise UserError("ask the authors for it")


DATASETS = [
    (Squares, set(), ""),
    (FloatImages, {"check_dataset"}, "float32"),
    (OtherShape, {"check_dataset"}, "image_shape promises (3, 3, 8, 8)"),
    (WrongLabels, {"check_dataset"}, "labels from 0 to 1, with 1 classes"),
    (OtherEachTime, {"check_gather_is_deterministic"}, "another image"),
    (LastFactorSlowest, {"check_factors"}, "places() does not undo factors()"),
]


def contrast(loaded, budget):
    made = loaded.generate(loaded.draw(budget, seed=0))
    return {"contrast": Score(made.std().item(), None, budget)}


def plain_number(loaded, budget):
    return {"contrast": 0.5}


def greedy(loaded, budget):
    return {"contrast": Score(0.5, "test", 10 * budget)}


def never(loaded, budget):
    raise NotApplicable("it is for sounds")


METRICS = [
    (contrast, set(), ""),
    (plain_number, {"check_metric"}, "contrast is no ganzoo.metrics.Score"),
    (greedy, {"check_metric"}, "contrast reads more images than the budget"),
]


# The tests


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


def model_spec(model: type, presets: str, summary: str = "a model") -> ModelSpec:
    return ModelSpec("small", f"{HERE}:{model.__name__}", summary, presets=presets)


def test_a_sound_model_passes_every_check(judged, presets) -> None:
    failed, skipped = judged(models=[model_spec(Sound, presets)])
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
    failed, _ = judged(losses=[LossSpec("odd", f"{HERE}:{loss.__name__}", "a loss")])
    assert_only(failed, expected, culprit)


@pytest.mark.parametrize(("prior", "expected", "culprit"), PRIORS)
def test_a_prior_is_checked_without_a_model_of_its_own(judged, prior, expected, culprit) -> None:
    failed, _ = judged(priors=[PriorSpec("odd", f"{HERE}:{prior.__name__}", "a prior")])
    assert_only(failed, expected, culprit)


@pytest.mark.parametrize(("source", "expected", "culprit"), DATASETS)
def test_a_data_set_is_checked_split_by_split(judged, source, expected, culprit) -> None:
    spec = DatasetSpec("odd", f"{HERE}:{source.__name__}", "data", splits=("train",))
    failed, _ = judged(datasets=[spec])
    assert_only(failed, expected, culprit)


def test_a_data_set_that_cannot_be_had_here_is_not_checked(judged) -> None:
    failed, skipped = judged(datasets=[DatasetSpec("odd", f"{HERE}:not_here", "data")])
    assert not failed
    assert "ask the authors" in skipped["check_dataset"]


@pytest.mark.parametrize(("metric", "expected", "culprit"), METRICS)
def test_a_metric_is_checked_on_models_at_hand(judged, metric, expected, culprit) -> None:
    failed, _ = judged(metrics=[MetricSpec("odd", f"{HERE}:{metric.__name__}", "a metric")])
    assert_only(failed, expected, culprit)


def test_a_metric_may_say_that_it_does_not_apply(judged) -> None:
    failed, skipped = judged(metrics=[MetricSpec("odd", f"{HERE}:never", "a metric")])
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
    failed, _ = judged(losses=[LossSpec("odd", f"{HERE}:{loss.__name__}", "a loss")])
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
        (LossSpec("odd", f"{HERE}:Sound", "x"), "check_import_string", "not a subclass"),
        (LossSpec("odd", f"{HERE}:Soundd", "x"), "check_import_string", "did you mean 'Sound'?"),
        (LossSpec("odd", f"{HERE}:TellsBrightness", " "), "check_summaries", "loss odd"),
        (LossSpec("odd", "no string", "x"), "check_hooks", "'no string'"),
        (MetricSpec("odd", f"{HERE}:contrast", "x"), "check_hooks", "a MetricSpec"),
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
    yield LossSpec("brightness", "HERE:TellsBrightness", "a loss")
""".replace("HERE", HERE)


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
    plugin = offering(metrics=[MetricSpec("odd", f"{HERE}:never", "a metric")])
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


def test_the_command_shows_reasons_below_what_fails(offering, make_registry) -> None:
    plugin = offering(metrics=[MetricSpec("odd", f"{HERE}:plain_number", "a metric")])
    registry = make_registry({"acme:sounds": plugin})
    result = CliRunner().invoke(cli, ["check", "sounds"], obj=registry)
    assert result.exit_code == 0, "no model is there to try it on"
    assert "skip  check_metric[odd]\n      no model is installed" in result.stdout
    assert result.stdout.endswith("acme:sounds: 3 passed, 0 failed, 2 skipped\n")


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
