"""Data sets, metrics and observers: some keep the contract, some break one rule of it each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo import (
    UserError,
)
from ganzoo.metrics import NotApplicable, Score
from ganzoo.reporting import Observer


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


def halves(loaded, budget):
    for parameter in loaded.nets["generator"].parameters():
        parameter.data *= 0.5
    return {"contrast": Score(1.0, None, budget)}


def wakes(loaded, budget):
    loaded.nets["generator"].train()
    return {"contrast": Score(1.0, None, budget)}


def rolls(loaded, budget):
    return {"contrast": Score(torch.rand(()).item(), None, budget)}


def never(loaded, budget):
    raise NotApplicable("it is for sounds")


METRICS = [
    (contrast, set(), ""),
    (halves, {"check_metric"}, "changes generator."),
    (wakes, {"check_metric"}, "leaves generator in train mode"),
    (rolls, {"check_metric_is_repeatable"}, "contrast differs when it is computed again"),
    (
        plain_number,
        {"check_metric"},
        "contrast is no ganzoo.metrics.Score",
    ),
    (greedy, {"check_metric"}, "contrast reads more images than the budget"),
]


class Watches(Observer):
    """Keeps the contract."""

    def reported(self, record):
        self._note(record)

    def summary(self):
        return ""

    def _note(self, record):
        pass


class Misspelt(Observer):
    def report(self, record):
        pass


OBSERVERS = [
    (Watches, ""),
    (Misspelt, "nobody calls report (did you mean reported?) of Misspelt"),
    (str, "yields a str: subclass ganzoo.reporting.Observer"),
]
