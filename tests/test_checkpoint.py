"""Checkpoints are whole or not there, and the newest whole one is found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from builders import loss_part, make_trainer, part, run_turns, same, settings_of, weights_of
from torch import Tensor, nn

from ganzoo import Draw, Loss, Model, Networks, Pass, Phase
from ganzoo.checkpoint import DamagedCheckpointError, check, newest, restore, save
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.training import Trainer


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
    settings = settings_of(part(model, **config), {"square": loss_part(Counting)}, batch_size=4)
    return make_trainer(settings, torch.arange(36, dtype=torch.uint8).view(9, 1, 2, 2))


def test_a_restored_trainer_goes_on_to_the_bit_and_a_loss_keeps_its_memory(tmp_path: Path) -> None:
    straight = trainer_of()
    run_turns(straight, 5)
    first = trainer_of()
    run_turns(first, 3)
    save(first, tmp_path, keep=2)
    found, damaged = newest(tmp_path)
    assert found is not None
    assert (found.step, found.world_size, damaged) == (3, 1, [])
    second = trainer_of()
    restore(second, found)
    run_turns(second, 2)
    assert second.assembly.losses["square"].asked == 5
    assert same(weights_of(straight), weights_of(second))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    trainer = trainer_of()
    for _ in range(4):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "manifest", "no manifest"])
def test_a_damaged_checkpoint_is_named_and_an_older_whole_one_taken(
    tmp_path: Path, damage: str
) -> None:
    trainer = trainer_of()
    for _ in range(2):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=5)
    state, manifest = tmp_path / "step-000002/state.pt", tmp_path / "step-000002/manifest.json"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "flip": lambda: state.write_bytes(content),
        "truncate": lambda: state.write_bytes(content[:100]),
        "delete": state.unlink,
        "manifest": lambda: manifest.write_text("{"),
        "no manifest": manifest.unlink,
    }[damage]()
    found, damaged = newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(damaged) == 1
    assert damaged[0].startswith("step-000002: ")


def test_an_unfinished_checkpoint_is_never_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / ".step-000007.partial").mkdir()
    assert newest(tmp_path) == (None, [])


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    with pytest.raises(
        UserError, match="checkpoint of another model: it has networks line, this one has curve"
    ):
        restore(trainer_of(Other), check(path))
    with pytest.raises(UserError, match="does not fit this model"):
        restore(trainer_of(width=3), check(path))


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    trainer = trainer_of()
    path = save(trainer, tmp_path, keep=1)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"]["../../secret"] = "0"
    (path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path.parent / "secret").write_text("x")
    with pytest.raises(DamagedCheckpointError, match="secret is missing"):
        check(path)
