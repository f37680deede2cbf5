"""A training of ganzoo and the plain loop of reference.py side by side: same sizes, same work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from reference import Latents, Precision, Reference, Widths, batches, draw_latents

from ganzoo.data import Images
from ganzoo.discovery import discover
from ganzoo.draw import Draw
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.run import decode_once
from ganzoo.settings import Assignment
from ganzoo.task import Task, prepare
from ganzoo.training import Trainer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from alternation import Turn


LOSSES = [
    f"{phase}/{loss}"
    for phase in ("critic", "generator")
    for loss in ("adversarial", "mutual_information")
]


@dataclass
class Pair:
    """Both, at the same sizes, on the same images."""

    task: Task
    trainer: Trainer
    reference: Reference
    images: torch.Tensor
    """uint8 (N, 1, 28, 28) on the device."""

    @classmethod
    def of(
        cls, widths: Widths, settings: Sequence[str] = (), loop_precision: Precision | None = None
    ) -> Pair:
        """The preset ``infogan/mnist`` with these widths and further settings, and the loop.

        The loop computes in the precision of the training, or in one of its own.
        """
        assignments = [Assignment.parse(text) for text in (*_settings(widths), *settings)]
        task = prepare(Registry(discover()), Request("infogan", "mnist", (), assignments))
        images, further = decode_once(task.plan, task.launch)
        if not isinstance(images, Images):
            raise SystemExit("the reference trains on decoded images")
        train, accelerator = task.plan.settings.train, task.launch.accelerator
        trainer = Trainer(task.plan.assembly, images, train, accelerator, further)
        precision = loop_precision or task.launch.precision
        if precision == "fp16":
            raise SystemExit("the reference knows fp32 and bf16")
        reference = Reference(widths, accelerator.device, precision, share_fakes=train.share_fakes)
        return cls(task, trainer, reference, images.images.to(accelerator.device))

    @classmethod
    def as_given(cls, given: argparse.Namespace, loop_precision: Precision | None = None) -> Pair:
        """With the networks of the paper, as the options of :func:`add_options` say."""
        shares = str(given.share_fakes).lower()
        settings = [f"train.precision={given.precision}", f"train.share_fakes={shares}"]
        return cls.of(Widths(), settings, loop_precision)

    def name(self, compared: str, given: argparse.Namespace) -> str:
        """What the result of a comparison is kept as."""
        fakes = "-shared" if given.share_fakes else ""
        return f"{compared}-{self.device.type}-{given.precision}-{given.threads}{fakes}"

    @property
    def device(self) -> torch.device:
        """Where both compute."""
        device: torch.device = self.trainer.accelerator.device
        return device

    @property
    def turns(self) -> dict[str, Turn]:
        """A turn of each, by name; each draws its own batches and latents."""
        size = self.trainer.train.batch_size
        stream = batches(self.images, size)
        step = self.reference.step
        return {
            "ganzoo": self.trainer.turn,
            "reference": lambda: step(next(stream), lambda: draw_latents(size, self.device)),
        }

    def parameters(self) -> dict[str, int]:
        """Parameters of each."""
        reference = (p.numel() for net in self.reference.networks for p in net.parameters())
        return {
            "ganzoo": sum(self.task.plan.assembly.parameter_counts().values()),
            "reference": sum(reference),
        }

    def losses(self, turns: int) -> Iterator[tuple[list[float], list[float]]]:
        """``LOSSES`` of ganzoo and of the reference in turns with equal weights and draws.

        The reference gets ganzoo's weights first, then its batches and latents.
        """
        self._equalise()
        for _ in range(turns):
            image, drawn = self.trainer.first_batch()["image"], iter(self._drawn())
            theirs = self.reference.step(image, partial(next, drawn)).tolist()
            self.trainer.turn()
            figures = self.trainer.collect()
            yield [figures[f"loss/{name}"] for name in LOSSES], theirs

    def disagreement(self, turns: int) -> float:
        """The largest relative difference of a loss over turns with equal weights and draws."""
        return max(
            abs(own - other) / abs(other)
            for ours, theirs in self.losses(turns)
            for own, other in zip(ours, theirs, strict=True)
        )

    @torch.no_grad()
    def _equalise(self) -> None:
        nets = self.trainer.networks()
        ours = [p for name in ("generator", "discriminator", "q") for p in nets[name].parameters()]
        theirs = [p for net in self.reference.networks for p in net.parameters()]
        for own, other in zip(ours, theirs, strict=True):
            other.copy_(own)

    def _drawn(self) -> list[Latents]:
        """What ganzoo draws in the coming turn, in the order in which it is used."""
        train, prior = self.trainer.train, self.task.plan.assembly.prior
        draw = Draw(train.seed, self.trainer.step, 0, 1, train.batch_size, self.device, prior)
        phases = ("share",) if train.share_fakes else ("critic", "generator")
        drawn = [draw.within(phase).latents() for phase in phases]
        return [
            Latents(
                latents.flat,
                latents.parts["digit"],
                torch.stack([latents.parts["slant"], latents.parts["width"]], dim=1),
            )
            for latents in drawn
        ]


def add_options(options: argparse.ArgumentParser) -> None:
    """The precision of a pair, and whether one fake batch serves both players."""
    options.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    options.add_argument("--share-fakes", action="store_true", help="one fake batch for both")


def _settings(widths: Widths) -> list[str]:
    return [
        f"model.generator_dense=[{widths.dense}]",
        f"model.generator_channels=[{widths.many}, {widths.few}]",
        f"model.discriminator_channels=[{widths.few}, {widths.many}]",
        f"model.discriminator_dense=[{widths.dense}]",
        f"model.reader_width={widths.reader}",
    ]
