"""Batches from several sources: each under its own names, in its own order, sliced alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.data import Feed, Images
from ganzoo.loss import Loss
from ganzoo.model import Model, Pass, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

CPU = torch.device("cpu")


def numbered(count: int, labels: bool = True) -> Images:
    """Images that show their number."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Images(images, torch.arange(count) if labels else None, None, "numbered")


def stream(feed: Feed, key: str, turns: int, size: int = 4) -> list[int]:
    parts = [feed.batch(turn * size, size, slice(0, size))[key] for turn in range(turns)]
    return [int(number) for number in torch.cat(parts).flatten()]


def test_a_further_source_has_names_of_its_own() -> None:
    feed = Feed(numbered(8), {"other": numbered(6, labels=False)}, 0, CPU)
    batch = feed.batch(0, 4, slice(0, 4))
    assert set(batch) == {"image", "label", "other.image"}
    assert len(batch["other.image"]) == 4


def test_each_source_goes_through_all_its_images_in_an_order_of_its_own() -> None:
    feed = Feed(numbered(8), {"other": numbered(8), "third": numbered(12)}, 0, CPU)
    first, other = stream(feed, "image", 2), stream(feed, "other.image", 2)
    assert sorted(first) == sorted(other) == list(range(8))
    assert first != other
    assert sorted(stream(feed, "third.image", 3)) == list(range(12))


def test_a_further_source_does_not_change_the_order_of_the_data() -> None:
    alone = Feed(numbered(8), {}, 0, CPU)
    joined = Feed(numbered(8), {"other": numbered(5)}, 0, CPU)
    assert stream(alone, "image", 4) == stream(joined, "image", 4)


def test_ranks_share_out_what_one_process_would_see() -> None:
    feed = Feed(numbered(8), {"other": numbered(6)}, 3, CPU)
    whole = feed.batch(8, 4, slice(0, 4))
    halves = [feed.batch(8, 4, slice(0, 2)), feed.batch(8, 4, slice(2, 4))]
    for key, value in whole.items():
        assert torch.equal(value, torch.cat([half[key] for half in halves]))


class Mover(Model):
    """Moves one number from the mean of a source to that of another."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    image_range = (0.0, 255.0)
    averaged = ()

    def networks(self) -> dict[str, nn.Module]:
        assert self.context.data.further["other"].image_shape == (1, 1, 1)
        return {"mover": nn.Linear(1, 1)}

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("move", ("mover",), self.move),)

    def move(self, nets: Any, batch: Mapping[str, Tensor], draw: Any, shared: Any) -> Pass:
        moved = nets["mover"](batch["image"].flatten(1))
        return Pass(nets, draw, batch, extra={"moved": moved})


class Distance(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {"move": self.of_means}

    def of_means(self, pass_: Pass) -> Tensor:
        target = pass_.batch["other.image"].mean()
        distance: Tensor = (pass_.extra["moved"].mean() - target).square()
        return distance


def test_a_model_learns_from_two_sources() -> None:
    from dataclasses import replace

    from builders import data_info, loss_part, part, run_turns, settings_of

    from ganzoo.assembly import assemble
    from ganzoo.launch import launch
    from ganzoo.schema import OptimSettings
    from ganzoo.training import Trainer

    images, other = numbered(8), Images(torch.full((5, 1, 1, 1), 9).byte(), None, None, "nines")
    info = replace(data_info(images.images), further={"other": data_info(other.images)})
    settings = settings_of(
        part(Mover),
        {"distance": loss_part(Distance)},
        optim={"move": OptimSettings(lr=0.05)},
        batch_size=8,
    )
    accelerator = launch("fp32", 8).accelerator
    assembly = assemble(settings, info)
    trainer = Trainer(assembly, images, settings.train, accelerator, {"other": other})
    before = run_turns(trainer, 1)["loss/move/distance"]
    run_turns(trainer, 200)
    assert run_turns(trainer, 1)["loss/move/distance"] < 0.01 < before
