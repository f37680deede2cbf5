"""A model that keeps the contract, and those that break one rule of it each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo import (
    Adversarial,
    Latents,
    setting,
)

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
    (Peeks, {"check_capturable"}, "phase 'critic' fails on a device that has shapes"),
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
