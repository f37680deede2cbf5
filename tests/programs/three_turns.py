"""Three turns of a small GAN, and what each rank saw; started by test_distributed.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from builders import loss_part, make_trainer, part, settings_of, weights_of
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo import Adversarial, Latents, Loss, Pass, Prior
from ganzoo.distributed import mean

if TYPE_CHECKING:
    from collections.abc import Mapping


class Noise(Prior):
    size = 4

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        noise = torch.randn(n, 4, generator=generator, device=device)
        return Latents(noise, {"noise": noise})


class Critic(nn.Module):
    def __init__(self, normalised: bool) -> None:
        super().__init__()
        # A bias before BatchNorm has no effect; its gradient is rounding, which Adam would blow up.
        convolution = nn.Conv2d(1, 4, 4, 2, 1, bias=not normalised)
        norm = nn.BatchNorm2d(4) if normalised else nn.Identity()
        self.trunk = nn.Sequential(convolution, norm, nn.LeakyReLU(0.2), nn.Flatten())
        self.head = nn.Linear(16, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.trunk(image)
        return {"logits": self.head(features).squeeze(1), "features": features}


class GAN(Adversarial):
    critic_trains = ("discriminator", "q")
    normalised = False

    def networks(self) -> dict[str, nn.Module]:
        middle = nn.BatchNorm1d(16) if self.normalised else nn.Identity()
        first = nn.Linear(4, 16, bias=not self.normalised)
        generator = nn.Sequential(first, middle, nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
        return {
            "generator": generator,
            "discriminator": Critic(self.normalised),
            "q": nn.Linear(16, 3),
        }


class NormalisedGAN(GAN):
    normalised = True


class Players(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {
            "critic": lambda pass_: (
                softplus(-pass_.on_real["logits"]) + softplus(pass_.on_fake["logits"])
            ).mean(),
            "generator": lambda pass_: softplus(-pass_.on_fake["logits"]).mean(),
        }


class Even(Loss):
    """q's mean answer over the *global* batch shall be even: not linear in the batch."""

    needs = ("q",)

    def terms(self) -> Mapping[str, Any]:
        return {"critic": self.evenness}

    def evenness(self, pass_: Pass) -> Tensor:
        answer = mean(pass_.nets["q"](pass_.on_real["features"]).softmax(1).mean(0))
        return (answer * answer.log()).sum()


def main() -> None:
    out, kind = Path(sys.argv[1]), sys.argv[2]
    images = torch.randint(256, (40, 1, 4, 4), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    images[:, 0, 0, 0] = torch.arange(40).to(torch.uint8)  # tells which image it is
    # In the first turn of "late" the critic's last layer has no part in any loss.
    ramp = (0, 2) if kind == "late" else None
    losses = {"players": loss_part(Players, ramp=ramp), "even": loss_part(Even)}
    model = part(NormalisedGAN if kind == "sync" else GAN)
    settings = settings_of(
        model, losses, prior=part(Noise), batch_size=16, sync_batchnorm=kind == "sync"
    )
    trainer = make_trainer(settings, images)
    record: dict[str, Any] = {"seen": [], "weights": [], "latents": []}
    model_object = trainer.assembly.model
    draw_latents = model_object.draw_latents

    def remember(batch: Mapping[str, Tensor], draw: Any) -> Latents:
        latents = draw_latents(batch, draw)
        record["seen"].append(((batch["image"][:, 0, 0, 0] + 1) * 127.5).round().long())
        record["latents"].append(latents.flat)
        return latents

    model_object.draw_latents = remember  # type: ignore[method-assign]
    for _ in range(3):
        trainer.turn()
        record["weights"].append(weights_of(trainer))
    record["figures"] = trainer.collect()
    torch.save(
        record,
        out / f"{kind}-{trainer.accelerator.num_processes}-{trainer.accelerator.process_index}.pt",
    )
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
