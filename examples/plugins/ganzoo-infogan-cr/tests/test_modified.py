"""InfoGAN (modified): its networks are the paper's, and no layer of them stretches its input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo import Context, DataInfo
from ganzoo_infogan.model import InfoGAN
from ganzoo_infogan.priors import StructuredPrior
from ganzoo_infogan_cr.model import ModifiedInfoGAN

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = DataInfo("test", (1, 64, 64))
PAPER: dict[str, Any] = {
    "generator_dense": (128,),
    "generator_channels": (64, 64, 32, 32),
    "discriminator_channels": (32, 32, 64, 64),
    "discriminator_dense": (128,),
    "discriminator_norm": "none",
}


def networks(model: type[InfoGAN], **config: Any) -> dict[str, nn.Module]:
    codes = {f"code{number}": "uniform(-1, 1)" for number in range(5)}
    prior = StructuredPrior(StructuredPrior.Config(size=5, codes=codes), Context(DATA))
    return model(model.Config(**(PAPER | config)), Context(DATA, prior=prior)).networks()


def layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def stretch(layer: nn.Module) -> float:
    assert isinstance(layer.weight, Tensor)
    return torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()


def test_the_networks_have_the_parameters_of_the_paper() -> None:
    nets = networks(ModifiedInfoGAN)
    assert count(nets["discriminator"]) == 246_592 + 129
    # Five outputs more than the paper's q: the log-variances, which a fixed std ignores.
    assert count(nets["q"]) == 17_157 + 5 * 129
    assert count(nets["generator"]) == 251_393


def test_discriminator_and_q_have_spectral_normalisation_instead_of_batchnorm() -> None:
    for name in ("discriminator", "q"):
        network = networks(ModifiedInfoGAN)[name]
        assert not layers(network, nn.BatchNorm1d, nn.BatchNorm2d)
        with torch.no_grad():
            for layer in layers(network, nn.Linear, nn.Conv2d):
                layer.parametrizations.weight.original.mul_(100)
        for layer in layers(network.eval(), nn.Linear, nn.Conv2d):
            assert 0.9 < stretch(layer) < 1.1
    plain = networks(InfoGAN)
    assert layers(plain["q"], nn.BatchNorm1d)
    assert stretch(layers(plain["q"], nn.Linear)[0]) < 0.9
    assert layers(networks(ModifiedInfoGAN)["generator"], nn.BatchNorm2d)


def test_the_generator_takes_two_steps_on_one_batch_of_latents() -> None:
    prior = StructuredPrior(
        StructuredPrior.Config(size=5, codes={"a": "uniform(-1, 1)"}), Context(DATA)
    )
    model = ModifiedInfoGAN(ModifiedInfoGAN.Config(**PAPER), Context(DATA, prior=prior))
    critic, generator = model.phases()
    assert (critic.repeats, generator.repeats, generator.fresh) == (1, 2, False)


def test_the_presets_have_their_rates_and_turn_the_regulariser_on_late(
    ganzoo: Callable[..., str],
) -> None:
    for data, rates in (("dsprites", (2e-3, 1e-3)), ("cdsprites", (5e-4, 5e-4))):
        shown = json.loads(ganzoo("show", "infogan-modified", "--preset", f"{data}-cr", "--json"))
        values = {row["key"]: row["value"] for row in shown["settings"]}
        assert (values["optim.critic.lr"], values["optim.generator.lr"]) == rates
        assert 0 < values["loss.contrastive.ramp"][0] < values["train.steps"]
        assert values["data.name"] == data
        without = json.loads(ganzoo("show", "infogan-modified", "--preset", data, "--json"))
        assert not any("contrast" in row["key"] for row in without["settings"])
