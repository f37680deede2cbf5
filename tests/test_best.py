"""The best checkpoint by a named figure outlives newer ones."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import torch
from builders import Training, lines_of, loss_part, part, settings_of
from torch import Tensor, nn

from ganzoo import Batch, Draw, Loss, Model, Networks, Pass, Phase, best
from ganzoo.best import BestCheckpoint, Score, best_of
from ganzoo.checkpoint import check, newest, restore
from ganzoo.errors import UserError
from ganzoo.folder import RunFolder
from ganzoo.schema import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Still(Model):
    averaged = ()

    def networks(self) -> dict[str, nn.Module]:
        return {"net": nn.Linear(1, 1)}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("net",), self.look)]

    def look(self, nets: Networks, batch: Batch, draw: Draw, shared: Any) -> Pass:
        return Pass(nets, draw, batch, extra={"said": nets["net"](torch.ones(1, 1)).sum()})

    def preview(self, nets: Networks, *_: Any) -> Tensor:
        return torch.zeros(1, 1, 2, 2)


class Scripted(Loss):
    """Is ``values[i]`` in turn i."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        values: tuple[float, ...]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.turn = 0

    def terms(self) -> Mapping[str, Any]:
        return {"fit": self.value}

    def value(self, pass_: Pass) -> Tensor:
        self.turn += 1
        return 0 * pass_.extra["said"] + self.config.values[self.turn - 1]

    def state_dict(self) -> dict[str, Any]:
        return {"turn": self.turn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.turn = state["turn"]


def scripted(*values: float, keep_best: str = "loss/fit/scripted", **train: Any) -> Training:
    settings = settings_of(
        part(Still),
        {"scripted": loss_part(Scripted, values=values)},
        **{
            "steps": len(values),
            "batch_size": 4,
            "report_every": 1,
            "checkpoint_every": 1,
            "keep_checkpoints": 1,
            "keep_best": keep_best,
            **train,
        },
    )
    return Training.of(settings, torch.zeros(8, 1, 2, 2, dtype=torch.uint8))


def run(training: Training, folder: Path) -> None:
    assert training.settings.train.keep_best is not None
    score = Score.parse(training.settings.train.keep_best)
    training.run(folder, BestCheckpoint(RunFolder(folder), score))


def kept(folder: Path) -> list[int]:
    found = (folder / "checkpoints").glob("step-*")
    return sorted(int(path.name.removeprefix("step-")) for path in found)


@pytest.mark.parametrize(
    ("keep_best", "step"), [("loss/fit/scripted", 2), ("-loss/fit/scripted", 3)]
)
def test_the_best_checkpoint_outlives_newer_ones(tmp_path: Path, keep_best: str, step: int) -> None:
    run(scripted(5.0, 7.0, 1.0, 3.0, 7.0, keep_best=keep_best), tmp_path)
    best = best_of(tmp_path / "checkpoints")
    assert best is not None
    records = lines_of(tmp_path / "metrics.jsonl")
    assert (best.step, best.figure) == (step, "loss/fit/scripted")
    assert best.value == records[step - 1]["loss/fit/scripted"]
    assert kept(tmp_path) == [step, 5]
    assert check(tmp_path / f"checkpoints/step-{step:06d}").step == step
    config = json.loads((tmp_path / "best/config.json").read_text())
    assert config["step"] == step
    assert (tmp_path / "best/model.safetensors").is_file()


def test_the_score_is_the_mean_of_the_window_that_ends_with_the_checkpoint(tmp_path: Path) -> None:
    values = [9.0, 1.0, 4.0, 4.0, 8.0, 3.0]
    run(scripted(*values, report_every=2, checkpoint_every=2), tmp_path)
    best = best_of(tmp_path / "checkpoints")
    assert best is not None
    assert (best.step, best.value) == (6, 5.5)


def test_a_resumed_run_knows_its_best(tmp_path: Path) -> None:
    values = [5.0, 7.0, 1.0, 3.0, 4.0, 6.0]
    run(scripted(*values, steps=3), tmp_path)
    continue_run(scripted(*values), tmp_path)
    best = best_of(tmp_path / "checkpoints")
    assert best is not None
    assert best.step == 2
    assert kept(tmp_path) == [2, 6]


def test_a_resumed_run_may_be_told_another_figure(tmp_path: Path) -> None:
    run(scripted(5.0, 7.0, 1.0, steps=2), tmp_path)
    mark = tmp_path / "checkpoints/best.json"
    mark.write_text(mark.read_text().replace("loss/fit/scripted", "loss/fit/another"))
    continue_run(scripted(5.0, 7.0, 1.0), tmp_path)
    best = best_of(tmp_path / "checkpoints")
    assert best is not None
    assert (best.step, best.figure, best.value) == (2, "loss/fit/scripted", 7.0)


def test_a_run_that_ended_before_it_marked_its_best_marks_it_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Any, copy: Any) -> None:
        copy.write(source.read(8))
        if "model.safetensors" in source.name and RunFolder(tmp_path).best_model.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        copy.write(source.read())

    values = [5.0, 7.0, 1.0, 3.0]
    run(scripted(*values, steps=1), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(best.shutil, "copyfileobj", full)
        with pytest.raises(OSError, match="No space left on device"):
            continue_run(scripted(*values, steps=2), tmp_path)
    weights = (tmp_path / "best/model.safetensors").read_bytes()
    config = json.loads((tmp_path / "best/config.json").read_text())
    assert config["sha256"] == sha256(weights).hexdigest(), "what was the best is as it was"
    continue_run(scripted(*values), tmp_path)
    found = best_of(tmp_path / "checkpoints")
    assert found is not None
    assert found.step == 2
    assert json.loads((tmp_path / "best/config.json").read_text())["step"] == 2


def continue_run(training: Training, folder: Path) -> None:
    found, _ = newest(folder / "checkpoints")
    assert found is not None
    restore(training.trainer, found)
    run(training, folder)


def test_a_figure_that_no_report_has_is_refused_at_the_first(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        run(scripted(1.0, 2.0, keep_best="loss/fit/scriptet"), tmp_path)
    assert "no report has a figure 'loss/fit/scriptet'" in caught.value.what
    assert "did you mean 'loss/fit/scripted'" in caught.value.what


def test_a_figure_of_a_loss_whose_weight_has_yet_to_rise_is_waited_for(tmp_path: Path) -> None:
    settings = settings_of(
        part(Still),
        {
            "scripted": loss_part(Scripted, values=(1.0,) * 4),
            "later": loss_part(Scripted, values=(2.0,) * 4, ramp=(2, 3)),
        },
        steps=4,
        batch_size=4,
        report_every=1,
        checkpoint_every=1,
        keep_best="loss/fit/later",
    )
    run(Training.of(settings, torch.zeros(8, 1, 2, 2, dtype=torch.uint8)), tmp_path)
    best = best_of(tmp_path / "checkpoints")
    assert best is not None
    assert best.step == 4


def test_a_checkpoint_without_a_report_on_its_turn_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="make checkpoint_every a multiple of report_every"):
        TrainSettings(keep_best="x", report_every=50, checkpoint_every=75)
