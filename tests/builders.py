"""A trainer and a run, those of `ganzoo run`, from parts that a test defines: no plugins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.assembly import Assembly, assemble
from ganzoo.audience import Audience
from ganzoo.data import Images
from ganzoo.folder import RunFolder
from ganzoo.launch import Launch, launch
from ganzoo.loop import Loop, Outcome
from ganzoo.model import DataInfo
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.reporting import EventsFile, MetricsFile
from ganzoo.resolved import LossPart, Part, Settings
from ganzoo.run import Run
from ganzoo.schema import DataSettings, OptimSettings, TrainSettings, WeightSettings
from ganzoo.training import Trainer

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.reporting import Observer


def part(factory: type[Any], **config: Any) -> Part:
    """A model or prior as resolved settings have it."""
    return Part(**_described(factory, config))


def loss_part(
    factory: type[Any], weight: Any = 1.0, ramp: Any = None, every: int = 1, **config: Any
) -> LossPart:
    """A loss as resolved settings have it."""
    weights = WeightSettings(weight=weight, ramp=ramp, every=every)
    return LossPart(**_described(factory, config), weight=weights)


def _described(factory: type[Any], config: dict[str, Any]) -> dict[str, Any]:
    name = factory.__name__.lower()
    about = {"name": name, "package": "test", "qualified": f"test:{name}"}
    return about | {"factory": factory, "config": factory.Config(**config)}


def settings_of(
    model: Part,
    losses: dict[str, LossPart],
    *,
    prior: Part | None = None,
    optim: dict[str, OptimSettings] | None = None,
    **train: Any,
) -> Settings:
    """Resolved settings; ``optim`` counts as told in full."""
    optim = optim or {}
    told = [f"optim.{phase}.{name}" for phase, each in optim.items() for name in vars(each)]
    return Settings(
        model=model,
        preset="test",
        prior=prior,
        losses=losses,
        muted={},
        data=DataSettings(),
        train=TrainSettings(**train),
        optim=optim,
        origins=dict.fromkeys(told, "test"),
    )


def data_info(images: Tensor, classes: int | None = None) -> DataInfo:
    """What a model may know of ``images``."""
    _, channels, height, width = images.shape
    names = None if classes is None else tuple(str(number) for number in range(classes))
    return DataInfo("test", (channels, height, width), names, len(images))


def make_trainer(
    settings: Settings, images: Tensor, labels: Tensor | None = None, classes: int | None = None
) -> Trainer:
    """A trainer on the CPU in fp32, over uint8 images (N, C, H, W)."""
    assembly: Assembly = assemble(settings, data_info(images, classes))
    held = Images(images=images, labels=labels, classes=None, fingerprint="test")
    accelerator = launch("fp32", settings.train.batch_size).accelerator
    return Trainer(assembly, held, settings.train, accelerator)


@dataclass
class Training:
    """A trainer with the loop around it."""

    settings: Settings
    trainer: Trainer

    @classmethod
    def of(cls, settings: Settings, images: Tensor) -> Training:
        """A training over uint8 images (N, C, H, W) that has not begun."""
        return cls(settings, make_trainer(settings, images))

    def run(self, folder: Path, *observers: Observer) -> Outcome:
        """Train to the end; ``folder`` gets what a run leaves but settings and environment."""
        folder.mkdir(exist_ok=True)
        place, trainer = RunFolder(folder), self.trainer
        launched = Launch(trainer.accelerator, "fp32", "test")
        registry = Registry(Plugins())
        about = Run(
            place, self.settings, trainer.assembly, launched, registry, first_step=trainer.step
        )
        watchers = [MetricsFile(place.metrics), EventsFile(place.events), *observers]
        return Loop(about, trainer, Audience(watchers)).run([])


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The objects of a ``.jsonl`` file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_turns(trainer: Trainer, turns: int) -> dict[str, float]:
    """Take ``turns`` turns; the mean of every figure over them."""
    for _ in range(turns):
        trainer.turn()
    return trainer.collect()


def weights_of(trainer: Trainer) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {
        f"{name}.{key}": value.clone()
        for name, net in trainer.networks().items()
        for key, value in net.state_dict().items()
    }


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two sets of weights are equal to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
