"""Plugins that keep the contract, and those that break one rule of it each.

A list of each kind says of every offer which checks shall fail, and what the message shall name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo import (
    Adversarial,
    Context,
    Latents,
    Loss,
    Prior,
    UserError,
    setting,
)
from ganzoo.metrics import NotApplicable, Score
from ganzoo_infogan.codes import Categorical
from ganzoo_infogan.priors import StructuredPrior

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


class Capturable(Sound):
    capturable = True


# Models that break one rule each


class Peeks(Capturable):
    def judge(self, nets, batch):
        assert batch["image"].min() >= 0
        return super().judge(nets, batch)


class StaysBehind(Capturable):
    def judge(self, nets, batch):
        return super().judge(nets, {"image": batch["image"] + torch.zeros(1, 1, 8, 8)})


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
    (Peeks, {"check_capturable"}, "phase 'critic' fails on a device that has shapes and no"),
    (StaysBehind, {"check_capturable"}, "make tensors on draw.device"),
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


class TellsBrightnessUnseen(TellsBrightness):
    capturable = True


class Looks(TellsBrightnessUnseen):
    def generator(self, pass_):
        brightness = super().generator(pass_)
        return brightness if brightness > 0 else -brightness


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
    (TellsBrightnessUnseen, set(), ""),
    (Looks, {"check_loss_capturable"}, "the term of phase 'generator' fails"),
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


class KeepsFloats(Coded):
    def replace(self, latents, name, values):
        moved = super().replace(latents, name, values)
        return Latents(moved.flat, moved.parts | {name: values})


class Learns(nn.Module, Prior):
    """Keeps the contract: which place is a code, and where it is, is learned."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        size: int = setting(4, "numbers")

    def __init__(self, config: Any, context: Context) -> None:
        nn.Module.__init__(self)
        Prior.__init__(self, config, context)
        self.size, self.codes = config.size, {"place": Categorical(3)}
        self.places = nn.Parameter(torch.eye(3, config.size))

    def sample(self, n, *, generator, device):
        noise = torch.randn(n, self.size, generator=generator, device=device)
        place = self.codes["place"].sample(n, generator=generator, device=device)
        return Latents(noise, {"noise": noise, "place": place})

    def replace(self, latents, name, values):
        parts = latents.parts | {name: values.to(latents.parts[name])}
        return Latents(latents.flat, parts)

    def forward(self, latents):
        flat = latents.flat + self.places[latents.parts["place"]]
        return Latents(flat, latents.parts)


class LearnsWithoutTheCode(Learns):
    def forward(self, latents):
        return Latents(latents.flat + self.places[0], latents.parts)


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
    (KeepsFloats, {"check_prior_replace"}, "replace() of kind makes its part torch.float32"),
    (Learns, set(), ""),
    (LearnsWithoutTheCode, {"check_prior_replace"}, "does not reach what forward() gives"),
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
