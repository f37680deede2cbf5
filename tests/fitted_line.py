"""A model that fits one number, a loss that remembers, and a trainer of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from builders import loss_part, make_trainer, part, settings_of
from torch import Tensor, nn

from ganzoo import Draw, Loss, Model, Networks, Pass, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.training import Trainer

IMAGES = torch.arange(36, dtype=torch.uint8).view(9, 1, 2, 2)
"""Nine images, in uint8 (N, C, H, W)."""


class Line(Model):
    """Fits one number to the mean of the images."""

    averaged = ()

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 1

    def networks(self) -> dict[str, nn.Module]:
        return {"line": nn.Linear(1, self.config.width)}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("line",), self.look)]

    def look(self, nets: Networks, batch: Mapping[str, Tensor], draw: Draw, shared: Any) -> Pass:
        said = nets["line"](draw.uniform(len(batch["image"]), 1))
        return Pass(nets, draw, batch, extra={"error": said.mean() - batch["image"].mean()})


class Buffered(Line):
    """With a running statistic."""

    def networks(self) -> dict[str, nn.Module]:
        return {"line": nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))}


class Other(Line):
    def networks(self) -> dict[str, nn.Module]:
        return {"curve": nn.Linear(1, 1)}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("curve",), lambda nets, batch, draw, shared: Pass(nets, draw, batch))]


class Counting(Loss):
    """A loss with memory: how often it was asked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked = 0

    def terms(self) -> Mapping[str, Any]:
        return {"fit": self.square}

    def square(self, pass_: Pass) -> Tensor:
        self.asked += 1
        return pass_.extra["error"].square() / self.asked

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.asked = state["asked"]


def trainer_of(model: type[Model] = Line, **config: Any) -> Trainer:
    """A trainer of ``model`` with the settings ``config``, on nine images."""
    settings = settings_of(part(model, **config), {"square": loss_part(Counting)}, batch_size=4)
    return make_trainer(settings, IMAGES)
