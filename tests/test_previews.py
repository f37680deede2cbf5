"""What a model shows of itself while it trains, and that looking at it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from builders import Training, loss_part, part, settings_of, weights_of
from safetensors.torch import load_file
from torch import Tensor, nn

from ganzoo import Loss, Model, Pass, Phase
from ganzoo.previews import at_rest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo import Batch, Draw, Networks

IMAGES = torch.arange(32, dtype=torch.uint8).view(8, 1, 2, 2)


class Tied(nn.Module):
    """Two layers with one weight, and a statistic that is never to be moved."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4).eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(self.norm(images.flatten(1)))).view_as(images)


class Copier(Model):
    averaged = ("copier",)

    def networks(self) -> dict[str, nn.Module]:
        return {"copier": Tied()}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("copier",), self.copy)]

    def copy(self, nets: Networks, batch: Batch, draw: Draw, shared: Any) -> Pass:
        return Pass(nets, draw, batch, fake={"image": nets["copier"](batch["image"])})

    def preview(self, nets: Networks, latents: Any, batch: Batch, generator: Any = None) -> Tensor:
        return nets["copier"](batch["image"])


class Difference(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {"fit": lambda pass_: (pass_.fake["image"] - pass_.batch["image"]).square().mean()}


def training(**train: Any) -> Training:
    losses = {"difference": loss_part(Difference)}
    return Training.of(settings_of(part(Copier), losses, batch_size=4, **train), IMAGES)


def test_networks_look_as_in_use_and_then_stand_as_they_stood() -> None:
    trainer = training().trainer
    own = trainer.networks()["copier"]
    before = {name: part.training for name, part in own.named_modules()}
    assert set(before.values()) == {True, False}
    with at_rest(trainer) as nets:
        assert nets == {"copier": own}
        assert not any(part.training for part in own.modules())
    assert {name: part.training for name, part in own.named_modules()} == before


def test_pictures_do_not_set_a_resting_part_going(tmp_path: Path) -> None:
    seen = training(steps=4, images_every=1)
    unseen = training(steps=4)
    seen.run(tmp_path / "seen")
    for _ in range(4):
        unseen.trainer.turn()
    assert torch.equal(
        weights_of(seen.trainer)["copier.norm.running_mean"],
        weights_of(unseen.trainer)["copier.norm.running_mean"],
    )
    assert weights_of(seen.trainer)["copier.norm.num_batches_tracked"] == 0


def test_a_weight_that_two_layers_share_is_exported_for_both(tmp_path: Path) -> None:
    begun = training(steps=1)
    begun.run(tmp_path / "run")
    weights = load_file(tmp_path / "run" / "model" / "model.safetensors")
    own = begun.trainer.networks()["copier"]
    assert torch.equal(weights["copier.first.weight"], own.first.weight)
    assert torch.equal(weights["copier.second.weight"], own.first.weight)


def test_the_average_is_what_is_exported_and_looked_at(tmp_path: Path) -> None:
    begun = training(steps=3, ema_decay=0.9)
    begun.run(tmp_path / "run")
    saved = load_file(tmp_path / "run" / "model" / "model.safetensors")
    average, live = begun.trainer.averages["copier"], begun.trainer.networks()["copier"]
    assert torch.equal(saved["copier.first.weight"], average.first.weight)
    assert not torch.equal(average.first.weight, live.first.weight)
    with at_rest(begun.trainer) as nets:
        assert nets["copier"] is average
