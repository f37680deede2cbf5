"""What a run checks before and in its first turn, and when it judges itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import ganzoo
from PIL import Image
from small_runs import SMALL, given

from ganzoo import UserError, train
from ganzoo.claim import claimed
from ganzoo.cli import cli
from ganzoo.layers import parse_value
from ganzoo.metrics.scorecard import Scores

REPORTED = given([*SMALL, "train.report_every=2"])


pytestmark = pytest.mark.usefixtures("elsewhere")


def test_a_warm_start_is_not_judged() -> None:
    frozen = ["optim.critic.lr=1e-12", "optim.generator.lr=1e-12", "train.stuck_after=2"]
    late = given(["loss.adversarial.ramp=[5, 6]", *frozen])
    result = ganzoo("run", "infogan", "--steps", "20", "--out", "w", *REPORTED, *late)
    assert "in 2 reports in a row up to turn 10" in result.output
    told = Path("w/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in told] == [2, 4, 6, 8, 10]


def test_one_image_a_process_is_refused_where_a_network_normalises_over_it() -> None:
    lone = given(["train.batch_size=1"])
    result = ganzoo("run", "infogan", "--steps", "1", "--out", "one", *REPORTED, *lone)
    assert result.exit_code == 2
    assert "train.batch_size 1 leaves a process with one image a turn" in result.output
    assert "Take two images or more for each process." in result.output
    again = ganzoo("run", "infogan", "--steps", "1", "--out", "two", *REPORTED)
    assert again.exit_code == 0


def test_a_figure_of_a_loss_that_there_is_not_is_refused_before_the_run() -> None:
    keep = given(["train.keep_best=loss/critic/adversary"])
    result = ganzoo("run", "infogan", "--out", "kb", *REPORTED, *keep)
    assert result.exit_code == 2
    assert "did you mean 'loss/critic/adversarial'?" in result.output
    assert not Path("kb").exists()


@pytest.mark.parametrize("how", ["--quiet", "--json"])
def test_what_was_left_out_is_told_whatever_is_printed(how: str) -> None:
    Path("photos").mkdir()
    for place in range(9):
        Image.new("RGB", (32, 32), (place, 0, 0)).save(f"photos/{place}.png")
    Path("photos/9.png").write_bytes(b"no picture")
    few = given(["data.broken_share=0.5", "train.batch_size=4", *SMALL[:4]])
    result = ganzoo("run", "dcgan", "--data", "photos", "--steps", "1", how, *few)
    assert result.exit_code == 0, result.output
    assert "taking preset images" in result.stderr
    assert "1 of 10 images cannot be read" in result.stderr
    assert "note" not in result.stdout


def test_a_dry_run_tells_the_rate_of_every_phase() -> None:
    joint = [*REPORTED, *given(["model.routing=joint"])]
    result = ganzoo("run", "infogan", "--dry-run", *joint)
    assert "information trains generator, discriminator, q at 0.001 by mutual" in result.output
    told = json.loads(ganzoo("run", "infogan", "--dry-run", "--json", *joint).stdout)
    assert told["phases"]["information"]["optim"]["lr"] == 1e-3
    assert told["phases"]["critic"]["optim"]["lr"] == 2e-4


ALONE = """
import torch
from ganzoo import Model, ModelSpec, Pass, Phase, Loss, LossSpec, hookimpl

@hookimpl
def ganzoo_models():
    yield ModelSpec("alone", "alone:Alone", "Shares nothing")

class Alone(Model):
    def networks(self):
        return {"net": torch.nn.Linear(1, 1)}

    def phases(self):
        return [Phase("fit", ("net",), lambda nets, batch, draw, shared: Pass(nets, draw, batch))]

class Square(Loss):
    def terms(self):
        return {"fit": lambda pass_: pass_.nets["net"].weight.square().sum()}

@hookimpl
def ganzoo_losses():
    yield LossSpec("square", "alone:Square", "Small weights")
"""


def test_settings_that_the_model_does_nothing_with_are_told() -> None:
    Path("alone.py").write_text(ALONE)
    settings = ["prior=none", "loss.square.weight=1", "data.name=mnist", "data.size=28"]
    settings += ["data.channels=1", "train.share_fakes=true", "train.stuck_after=2"]
    words = ["--plugin", "alone.py", "run", "alone", "--dry-run", *given(settings)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert "train.share_fakes may change nothing" in result.output
    assert "train.stuck_after stops nothing" in result.output
    both = given(["train.share_fakes=true", "train.stuck_after=2"])
    assert "change nothing" not in ganzoo("run", "dcgan", "--dry-run", *both).output


def test_images_that_are_made_on_demand_have_to_fit_the_preset() -> None:
    dry = ("--dry-run", *given(["train.precision=fp32"]))
    result = ganzoo("run", "infogan", "--preset", "faces", "--data", "chairs3d", *dry)
    assert result.exit_code == 2
    assert "makes images of 64x64 pixels and 1 channel" in result.output
    assert "Presets for such images: " in result.output
    assert "chairs, chairs-width" in result.output
    free = ganzoo("run", "infogan", "--data", "heads3d", *dry)
    assert free.exit_code == 0
    assert "taking preset images (--preset faces or faces-" in free.output
    assert "would convert" not in free.output


@pytest.mark.parametrize(
    ("settings", "shape", "preset"),
    [
        ([], "colour images, 32x32", "images"),
        (["data.size=64"], "colour images, 64x64", "images"),
        (["data.channels=1"], "grey images, 32x32", "images"),
        (["data.size=28", "data.channels=1"], "grey images, 28x28", "mnist"),
    ],
)
def test_what_is_said_of_the_shape_is_what_images_become(
    settings: list[str], shape: str, preset: str
) -> None:
    Path("photos").mkdir()
    for place in range(3):
        Image.new("RGB", (40, 36), (place, 0, 0)).save(f"photos/{place}.png")
    planned = ganzoo("run", "infogan", "--data", "photos", "--dry-run", *given(settings))
    assert planned.exit_code == 0, planned.output
    assert f"infogan, preset {preset}, in" in planned.stdout
    assert f"3 {shape}" in planned.stdout


def test_the_folder_is_held_while_its_model_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def score_run(folder: Path, *_: object, **__: object) -> Scores:
        with pytest.raises(UserError, match="by another process"), claimed(folder):
            pass
        held.append(True)
        return Scores({}, {}, {}, step=1, ema=False, data="mnist")

    monkeypatch.setattr("ganzoo.scoring.score_run", score_run)
    assert ganzoo("run", "dcgan", "--steps", "1", "--out", "held", *REPORTED).exit_code == 0
    monkeypatch.setattr("ganzoo.api.score_run", score_run)
    pairs = (setting.split("=", 1) for setting in SMALL)
    settings = {key: parse_value(text) for key, text in pairs}
    train("dcgan", steps=1, out="there", settings=settings)
    assert held == [True, True]
