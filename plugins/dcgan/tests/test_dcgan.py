"""DCGAN's networks are the papers', fit their images, and train as they should."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from ganzoo import Context, DataInfo, Draw, Pass, UserError
from ganzoo_dcgan.losses import GradientPenalty, Hinge, NonSaturating, Wasserstein
from ganzoo_dcgan.model import DCGAN, channels_for
from ganzoo_dcgan.networks import Discriminator, Generator, initialise
from ganzoo_dcgan.priors import Noise

CPU = torch.device("cpu")


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def model(side: int = 32, colours: int = 3, **config: object) -> DCGAN:
    data = DataInfo("test", (colours, side, side))
    prior = Noise(Noise.Config(size=8), Context(data))
    return DCGAN(DCGAN.Config(**config), Context(data, prior=prior))


def test_the_mnist_networks_have_the_parameters_of_the_paper() -> None:
    assert count(Generator(74, (1, 28, 28))) == 6_652_481
    discriminator = Discriminator((1, 28, 28))
    assert count(discriminator.trunk) == 6_558_144
    assert count(discriminator.head) == 1_025


def test_dcgan_64_has_four_up_convolutions_from_a_side_of_4() -> None:
    generator = Generator(100, (3, 64, 64), dense=(), channels=(1024, 512, 256, 128), sigmoid=False)
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator.layers) == 4
    assert generator(torch.randn(2, 100)).shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("side", "widths"),
    [(28, (64, 128)), (32, (64, 128, 256)), (48, (64, 128, 256)), (128, (64, 128, 256, 512, 512))],
)
def test_the_number_of_layers_follows_the_side(side: int, widths: tuple[int, ...]) -> None:
    assert channels_for(side) == widths


@pytest.mark.parametrize("side", [32, 40, 48, 64, 96, 128])
@pytest.mark.parametrize("colours", [1, 3])
def test_any_side_from_32_to_128_fits_without_being_told_the_layers(
    side: int, colours: int
) -> None:
    dcgan = model(side, colours)
    nets = dcgan.networks()
    images = dcgan.generate(nets, dcgan.prior.sample(2, generator=None, device=CPU))["image"]
    assert images.shape == (2, colours, side, side)
    assert nets["discriminator"](images)["logits"].shape == (2,)


def test_a_side_that_does_not_fit_is_refused_with_one_that_does() -> None:
    with pytest.raises(UserError, match="images of 30x30 do not fit") as caught:
        model(30, generator_channels=(128, 64), discriminator_channels=(64, 128))
    assert caught.value.hint is not None
    assert "data.size to 28" in caught.value.hint


@pytest.mark.parametrize(("images", "low"), [("unit", 0.0), ("symmetric", -1.0)])
def test_images_lie_in_the_range_that_the_model_names(images: str, low: float) -> None:
    dcgan = model(images=images)
    nets = dcgan.networks()
    for parameter in nets["generator"].parameters():
        parameter.data.mul_(100)
    made = dcgan.generate(nets, dcgan.prior.sample(16, generator=None, device=CPU))["image"]
    assert dcgan.image_range == (low, 1.0)
    assert low <= made.min() < (low + 1) / 2 < made.max() <= 1


def test_openai_cuts_the_convolutions_off_at_two_deviations() -> None:
    torch.manual_seed(0)
    for init, beyond in (("dcgan", True), ("openai", False)):
        network = Discriminator((1, 28, 28))
        initialise(network, init)
        assert bool((network.trunk[2].weight.abs() > 0.04).any()) == beyond
        assert (network.head.bias == 0).all()


def test_a_discriminator_without_norm_judges_images_one_by_one() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 1, 28, 28)
    alone = Discriminator((1, 28, 28), norm="none")
    assert torch.allclose(alone(images)["logits"][:2], alone(images[:2])["logits"], atol=1e-5)
    together = Discriminator((1, 28, 28))
    assert not torch.allclose(together(images)["logits"][:2], together(images[:2])["logits"])


@dataclass
class Judged:
    pass_: Pass


def judged(real: list[float], fake: list[float]) -> Pass:
    draw = Draw(0, 0, 0, 1, len(real), CPU)
    return Pass(
        {}, draw, {}, None, None, {"logits": torch.tensor(real)}, {"logits": torch.tensor(fake)}
    )


@pytest.mark.parametrize(
    ("loss", "critic", "generator"),
    [(NonSaturating, 2 * 0.693147, 0.693147), (Hinge, 2.0, 0.0), (Wasserstein, 0.0, 0.0)],
)
def test_an_undecided_critic_costs_what_theory_says(
    loss: type[NonSaturating], critic: float, generator: float
) -> None:
    terms = loss("x", None, Context(DataInfo("test", (1, 4, 4)))).terms()
    undecided = judged([0.0, 0.0], [0.0, 0.0])
    measured = terms["critic"](undecided)
    value = getattr(measured, "value", measured)
    assert value.item() == pytest.approx(critic, abs=1e-5)
    assert terms["generator"](undecided).item() == pytest.approx(generator, abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "critic", "generator"),
    [
        (
            NonSaturating,
            np.logaddexp(0, [-2, -1]).mean() + np.logaddexp(0, [-0.5, -3]).mean(),
            np.logaddexp(0, [0.5, 3]).mean(),
        ),
        (Hinge, 0.25, 1.75),
        (Wasserstein, -1.5 - 1.75, 1.75),
    ],
)
def test_known_logits_cost_what_the_formula_says(
    loss: type[NonSaturating], critic: float, generator: float
) -> None:
    terms = loss("x", None, Context(DataInfo("test", (1, 4, 4)))).terms()
    given = judged([2.0, 1.0], [-0.5, -3.0])
    measured = terms["critic"](given)
    assert getattr(measured, "value", measured).item() == pytest.approx(critic)
    assert terms["generator"](given).item() == pytest.approx(generator)
    if loss is NonSaturating:
        assert measured.report["best_fake"].item() == pytest.approx(1 / (1 + math.exp(0.5)))


class Slope(nn.Module):
    """A critic whose gradient has norm 3 everywhere."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": 3 * image.flatten(1)[:, 0]}


def test_the_gradient_penalty_measures_the_distance_of_the_norm_from_its_target() -> None:
    context = Context(DataInfo("test", (1, 2, 2)))
    penalty = GradientPenalty("gp", GradientPenalty.Config(), context).terms()["critic"]
    images = {"image": torch.rand(5, 1, 2, 2)}
    draw = Draw(0, 0, 0, 1, 5, CPU)
    assert penalty(
        Pass({"discriminator": Slope()}, draw, images, None, images)
    ).item() == pytest.approx(4)


class Bowl(nn.Module):
    """A critic whose gradient is the image itself."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": image.flatten(1).square().sum(1) / 2}


def test_the_gradient_penalty_is_taken_between_real_and_fake_images() -> None:
    context = Context(DataInfo("test", (1, 2, 2)))
    penalty = GradientPenalty("gp", GradientPenalty.Config(target=2.0), context).terms()["critic"]
    real, fake = torch.full((3, 1, 2, 2), 1.0), torch.full((3, 1, 2, 2), -1.0)
    share = Draw(0, 0, 0, 1, 3, CPU).uniform(3, 1, 1, 1)
    between = fake + share * (real - fake)
    pass_ = Pass(
        {"discriminator": Bowl()}, Draw(0, 0, 0, 1, 3, CPU), {"image": real}, None, {"image": fake}
    )
    expected = (between.flatten(1).norm(dim=1) - 2).square().mean().item()
    assert penalty(pass_).item() == pytest.approx(expected)
