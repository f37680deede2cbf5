"""The loop knows no GAN: five kinds of model defined here train and beat their untrained selves."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from builders import loss_part, make_trainer, part, run_turns, settings_of
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, one_hot, softplus

from ganzoo import (
    Adversarial,
    Batch,
    Context,
    Draw,
    Latents,
    Loss,
    Model,
    Networks,
    Pass,
    Phase,
    Prior,
)
from ganzoo.schema import OptimSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganzoo.training import Trainer

FAST = OptimSettings(lr=2e-3)


class Normal(Prior):
    """Standard normal noise."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        size: int = 4

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.size = config.size

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        noise = torch.empty(n, self.size, device=device).normal_(generator=generator)
        return Latents(noise, {"noise": noise})


def perceptron(*widths: int, last: nn.Module | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    layers[-1] = last or nn.Identity()
    return nn.Sequential(*layers)


# A VAE: one phase of its own, no adversary


class VAE(Model):
    """Encoder and decoder over the images of 4x4 pixels."""

    image_range = (0.0, 1.0)
    averaged = ("decoder",)

    def networks(self) -> dict[str, nn.Module]:
        size = self.context.prior.size
        return {
            "encoder": nn.Sequential(nn.Flatten(), perceptron(16, 32, 2 * size)),
            "decoder": nn.Sequential(
                perceptron(size, 32, 16, last=nn.Sigmoid()), nn.Unflatten(1, (1, 4, 4))
            ),
        }

    def phases(self) -> Sequence[Phase]:
        return [Phase("elbo", ("encoder", "decoder"), self.reconstruct)]

    def reconstruct(
        self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]
    ) -> Pass:
        mean, log_variance = nets["encoder"](batch["image"]).chunk(2, dim=1)
        latent = mean + (log_variance / 2).exp() * draw.normal(*mean.shape)
        extra = {"mean": mean, "log_variance": log_variance, "again": nets["decoder"](latent)}
        return Pass(nets, draw, batch, extra=extra)

    def generate(self, nets: Networks, latents: Latents, generator: Any = None) -> Batch:
        return {"image": nets["decoder"](latents.flat)}


class NegativeELBO(Loss):
    """In nats, by image."""

    def terms(self) -> Mapping[str, Any]:
        return {"elbo": self.elbo}

    def elbo(self, pass_: Pass) -> Tensor:
        image, extra = pass_.batch["image"], pass_.extra
        again = binary_cross_entropy(extra["again"], image, reduction="sum") / len(image)
        mean, log_variance = extra["mean"], extra["log_variance"]
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return again + divergence


def bars(count: int = 256) -> tuple[Tensor, Tensor]:
    """4x4 images with one bright row, and which row it is."""
    rows = torch.arange(count) % 4
    images = torch.zeros(count, 1, 4, 4, dtype=torch.uint8)
    images[torch.arange(count), 0, rows] = 255
    return images, rows


def test_a_vae_has_a_phase_of_its_own_and_learns_its_data() -> None:
    images, _ = bars()
    settings = settings_of(
        part(VAE),
        {"elbo": loss_part(NegativeELBO)},
        prior=part(Normal),
        optim={"elbo": FAST},
        batch_size=64,
    )
    trainer = make_trainer(settings, images)
    untrained = run_turns(trainer, 5)["loss/elbo/elbo"]
    run_turns(trainer, 400)
    trained = run_turns(trainer, 5)["loss/elbo/elbo"]
    # Four equally likely pictures cannot be told in fewer than ln 4 nats.
    assert math.log(4) <= trained < 0.4 * untrained


# WGAN-GP: critic repeats, a gradient of a gradient, and a known distribution


class PointsGAN(Adversarial):
    """A GAN over points (1, 1, 2)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        critic_repeats: int = 3

    critic_repeats = 3

    def networks(self) -> dict[str, nn.Module]:
        return {
            "generator": nn.Sequential(
                perceptron(self.context.prior.size, 64, 64, 2), nn.Unflatten(1, (1, 1, 2))
            ),
            "discriminator": PointsCritic(),
        }


class PointsCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = perceptron(2, 64, 64, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layers(image.flatten(1)).squeeze(1)}


class WGAN(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {
            "critic": lambda pass_: pass_.on_fake["logits"].mean() - pass_.on_real["logits"].mean(),
            "generator": lambda pass_: -pass_.on_fake["logits"].mean(),
        }


class Penalty(Loss):
    needs = ("discriminator",)
    second_order = True

    def terms(self) -> Mapping[str, Any]:
        return {"critic": self.penalty}

    def penalty(self, pass_: Pass) -> Tensor:
        real, fake = pass_.batch["image"], pass_.fake["image"]
        between = torch.lerp(fake, real, pass_.draw.uniform(len(real), 1, 1, 1)).requires_grad_()
        logits = pass_.nets["discriminator"](between)["logits"]
        (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def mixture(count: int = 2048) -> Tensor:
    """Points around four corners, as uint8 (N, 1, 1, 2)."""
    generator = torch.Generator().manual_seed(1)
    corners = torch.tensor([[-0.6, -0.6], [-0.6, 0.6], [0.6, -0.6], [0.6, 0.6]])
    points = corners[torch.arange(count) % 4] + 0.05 * torch.randn(count, 2, generator=generator)
    return ((points + 1) * 127.5).round().to(torch.uint8).view(count, 1, 1, 2)


def sliced_distance(one: Tensor, other: Tensor) -> float:
    """Wasserstein-1 distance of two equally large sets of points, averaged over 64 directions."""
    angles = torch.linspace(0, math.pi, 64)
    directions = torch.stack([angles.cos(), angles.sin()])
    return (
        ((one @ directions).sort(0).values - (other @ directions).sort(0).values)
        .abs()
        .mean()
        .item()
    )


def generated(trainer: Trainer, count: int, labels: Tensor | None = None) -> Tensor:
    assembly = trainer.assembly
    generator = torch.Generator().manual_seed(5)
    latents = assembly.prior.sample(count, generator=generator, device=torch.device("cpu"))
    if labels is not None:
        latents = Latents(latents.flat, latents.parts | {"label": labels})
    with torch.no_grad():
        return assembly.model.generate(trainer.networks(), latents)["image"]


def test_wgan_gp_comes_near_a_known_mixture() -> None:
    images = mixture()
    losses = {"wasserstein": loss_part(WGAN), "penalty": loss_part(Penalty, weight=1.0)}
    optim = {"critic": OptimSettings(lr=1e-3), "generator": OptimSettings(lr=1e-3)}
    settings = settings_of(part(PointsGAN), losses, prior=part(Normal), optim=optim, batch_size=128)
    trainer = make_trainer(settings, images)
    points = (images.float() / 127.5 - 1).view(-1, 2)

    untrained = sliced_distance(generated(trainer, len(points)).view(-1, 2), points)
    run_turns(trainer, 500)
    made = generated(trainer, len(points)).view(-1, 2)
    assert sliced_distance(made, points) < 0.3 * untrained
    assert len({(x > 0, y > 0) for x, y in made.tolist()}) == 4


# A conditional GAN: labels of the data go into both networks


class ConditionalGAN(Adversarial):
    """The label is drawn from the batch; generator and discriminator are told it."""

    image_range = (0.0, 1.0)

    def networks(self) -> dict[str, nn.Module]:
        size = self.context.prior.size
        return {
            "generator": nn.Sequential(
                perceptron(size + 4, 64, 16, last=nn.Sigmoid()), nn.Unflatten(1, (1, 4, 4))
            ),
            "discriminator": perceptron(16 + 4, 64, 1),
        }

    def draw_latents(self, batch: Batch, draw: Draw) -> Latents:
        latents = draw.latents()
        return Latents(latents.flat, latents.parts | {"label": batch["label"]})

    def generate(self, nets: Networks, latents: Latents, generator: Any = None) -> Batch:
        label = latents.parts["label"]
        image = nets["generator"](torch.cat([latents.flat, one_hot(label, 4).float()], 1))
        return {"image": image, "label": label}

    def judge(self, nets: Networks, batch: Batch) -> Mapping[str, Tensor]:
        told = torch.cat([batch["image"].flatten(1), one_hot(batch["label"], 4).float()], 1)
        return {"logits": nets["discriminator"](told).squeeze(1)}


class NonSaturating(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {
            "critic": lambda pass_: (
                softplus(-pass_.on_real["logits"]) + softplus(pass_.on_fake["logits"])
            ).mean(),
            "generator": lambda pass_: softplus(-pass_.on_fake["logits"]).mean(),
        }


PLAYERS = {"critic": OptimSettings(lr=1e-3), "generator": OptimSettings(lr=1e-3)}


def test_a_conditional_gan_draws_what_its_label_says() -> None:
    images, rows = bars()
    settings = settings_of(
        part(ConditionalGAN),
        {"adversarial": loss_part(NonSaturating)},
        prior=part(Normal),
        optim=PLAYERS,
        batch_size=64,
    )
    trainer = make_trainer(settings, images, rows, classes=4)
    wanted = torch.arange(200) % 4

    def agreement() -> float:
        brightest = generated(trainer, 200, wanted).mean(dim=3).squeeze(1).argmax(1)
        return (brightest == wanted).float().mean().item()

    untrained = agreement()
    run_turns(trainer, 500)
    assert agreement() > 0.95 > untrained


# A loss that brings a network and a phase


class BarsGAN(Adversarial):
    """A GAN over the 4x4 bars whose discriminator takes images alone."""

    image_range = (0.0, 1.0)

    def networks(self) -> dict[str, nn.Module]:
        size = self.context.prior.size
        return {
            "generator": nn.Sequential(
                perceptron(size, 64, 16, last=nn.Sigmoid()), nn.Unflatten(1, (1, 4, 4))
            ),
            "discriminator": BarsCritic(),
        }


class BarsCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(16, 64), nn.LeakyReLU(0.2))
        self.head = nn.Linear(64, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.trunk(image)
        return {"logits": self.head(features).squeeze(1), "features": features}


class ReadsRows(Loss):
    """Brings a classifier of its own, with a phase in which it learns labels from real images."""

    def networks(self) -> dict[str, nn.Module]:
        return {"reader": nn.Sequential(nn.Flatten(), nn.Linear(16, 4))}

    def phases(self) -> Sequence[Phase]:
        return [Phase("reading", (self.own("reader"),), self.look)]

    def look(self, nets: Networks, batch: Batch, draw: Draw, shared: Mapping[str, Any]) -> Pass:
        return Pass(nets, draw, batch, extra={"logits": nets[self.own("reader")](batch["image"])})

    def terms(self) -> Mapping[str, Any]:
        return {"reading": lambda pass_: cross_entropy(pass_.extra["logits"], pass_.batch["label"])}


def test_a_loss_can_bring_a_network_and_a_phase() -> None:
    images, rows = bars()
    losses = {"adversarial": loss_part(NonSaturating), "rows": loss_part(ReadsRows)}
    optim = PLAYERS | {"reading": OptimSettings(lr=1e-2)}
    settings = settings_of(part(BarsGAN), losses, prior=part(Normal), optim=optim, batch_size=64)
    trainer = make_trainer(settings, images, rows)
    assert set(trainer.nets) == {"generator", "discriminator", "rows.reader"}

    untrained = run_turns(trainer, 1)["loss/reading/rows"]
    run_turns(trainer, 150)
    assert run_turns(trainer, 1)["loss/reading/rows"] < 0.2 * untrained
    read = trainer.networks()["rows.reader"](images.float() / 255).argmax(1)
    assert (read == rows).all()


# A loss that asks the discriminator again, and another network on its features


class GANWithReader(BarsGAN):
    """A GAN with a network ``q`` on the discriminator's features, trained with the critic."""

    critic_trains = ("discriminator", "q")

    def networks(self) -> dict[str, nn.Module]:
        return super().networks() | {"q": nn.Linear(64, 4)}


class ReaderLearns(Loss):
    """Teaches q the rows of real images."""

    needs = ("discriminator", "q")

    def terms(self) -> Mapping[str, Any]:
        return {"critic": self.teach}

    def teach(self, pass_: Pass) -> Tensor:
        return cross_entropy(pass_.nets["q"](pass_.on_real["features"]), pass_.batch["label"])


class AugmentationConsistency(Loss):
    """q must answer alike for a real image and a noisy view: asks discriminator and q again."""

    needs = ("discriminator", "q")

    def terms(self) -> Mapping[str, Any]:
        return {"critic": self.disagreement}

    def disagreement(self, pass_: Pass) -> Tensor:
        image = pass_.batch["image"]
        view = (image + 0.5 * pass_.draw.normal(*image.shape)).clamp(0, 1)
        answer = pass_.nets["q"](pass_.on_real["features"])
        other = pass_.nets["q"](pass_.nets["discriminator"](view)["features"])
        return cross_entropy(other, answer.detach().softmax(1))


def agreement_under_noise(trainer: Trainer, images: Tensor) -> float:
    nets = trainer.networks()
    clean = images.float() / 255
    noisy = (
        clean + 0.5 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    ).clamp(0, 1)
    with torch.no_grad():
        answers = [
            nets["q"](nets["discriminator"](view)["features"]).softmax(1) for view in (clean, noisy)
        ]
    return -(answers[0] * answers[1].log()).sum(1).mean().item()


@pytest.mark.parametrize("weight", [0.0, 4.0])
def test_a_loss_can_ask_discriminator_and_q_again_on_augmented_images(weight: float) -> None:
    images, rows = bars()
    losses = {"adversarial": loss_part(NonSaturating), "teach": loss_part(ReaderLearns)}
    losses["consistency"] = loss_part(AugmentationConsistency, weight=weight)
    settings = settings_of(
        part(GANWithReader), losses, prior=part(Normal), optim=PLAYERS, batch_size=64
    )
    trainer = make_trainer(settings, images, rows)
    run_turns(trainer, 200)
    disagreement = agreement_under_noise(trainer, images)
    # With the loss the two views get nearly one answer; without it noise changes many.
    assert (disagreement < 0.25) == (weight > 0), disagreement
