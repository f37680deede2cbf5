"""What the command does, in a few lines of Python."""

from __future__ import annotations

import gc
import json
import random
import signal
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganzoo
import ganzoo.api
from ganzoo import exported

SMALL = {
    "model.generator_dense": [16],
    "model.generator_channels": [8, 4],
    "model.discriminator_channels": [4, 8],
    "model.discriminator_dense": (16,),
    "data.limit": 100,
    "train.batch_size": 16,
    "train.precision": "fp32",
    "train.sync_batchnorm": False,
    "prior.codes": {"digit": "categorical(4)", "slant": "uniform(-1, 1)"},
}


pytestmark = pytest.mark.usefixtures("elsewhere")


def test_a_model_is_trained_scored_and_ready_for_use() -> None:
    # At this rate a code can be seen after a few turns.
    settings = {**SMALL, "optim.generator.lr": 0.05}
    model = ganzoo.train("infogan", steps=10, seed=3, settings=settings, out="run", progress=False)
    assert model.folder == Path("run")
    assert model.step == 10
    scores = json.loads(Path("run/scores.json").read_text())["scores"]
    assert "category_accuracy/digit" in scores

    one, same, other = (
        model.sample(5, codes={"digit": digit, "slant": 0.5}, seed=1) for digit in (2, 2.0, 3)
    )
    assert one.shape == (5, 1, 28, 28)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(ganzoo.load("run").sample(5, codes={"digit": 2, "slant": 0.5}, seed=1), one)


def test_a_run_goes_on_from_its_checkpoint_and_is_scored_anew() -> None:
    ganzoo.train("infogan", steps=2, settings=SMALL, out="run", progress=False)
    model = ganzoo.train(resume="run", steps=3, progress=False)
    assert (model.step, model.folder) == (3, Path("run"))
    scores = ganzoo.evaluate("run", metrics=["categories"], images=100)
    assert scores.step == 3
    assert 0 <= scores.scores["category_accuracy/digit"].value <= 1
    kept = json.loads(Path("run/scores.json").read_text())["scores"]
    assert (
        kept["category_accuracy/digit"]["value"] == scores.scores["category_accuracy/digit"].value
    )
    assert "mi_nats/digit" in kept


def test_a_training_leaves_no_network_behind_and_draws_nothing_of_the_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optimisers: list[weakref.ref[torch.optim.Optimizer]] = []
    initialise = torch.optim.Optimizer.__init__

    def noted(optimiser: torch.optim.Optimizer, *given: Any, **named: Any) -> None:
        optimisers.append(weakref.ref(optimiser))
        initialise(optimiser, *given, **named)

    def draw() -> tuple[float, ...]:
        return random.random(), np.random.uniform(), float(torch.rand(()))

    def seed() -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)

    seed()
    first, second = draw(), draw()
    seed()
    assert draw() == first
    monkeypatch.setattr(torch.optim.Optimizer, "__init__", noted)
    ganzoo.train("infogan", steps=1, settings=SMALL, out="run", progress=False)
    assert draw() == second
    gc.collect()
    assert len(optimisers) >= 2
    assert [each for each in optimisers if each() is not None] == []


def test_one_process_trains_in_one_precision_after_another() -> None:
    for precision in ("fp32", "bf16"):
        settings = {**SMALL, "train.precision": precision}
        ganzoo.train("infogan", steps=1, settings=settings, out=precision, progress=False)
        environment = json.loads(Path(precision, "environment.json").read_text())
        assert environment["precision"] == precision


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_training_that_a_signal_stops_is_saved_and_not_scored(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, raised: type[BaseException]
) -> None:
    class Impatient(ganzoo.api.Warnings):
        def turned(self, step: int) -> None:
            if step == 2:
                signal.raise_signal(number)

    monkeypatch.setattr(ganzoo.api, "Warnings", Impatient)
    with pytest.raises(raised):
        ganzoo.train("infogan", steps=9, settings=SMALL, out="run", progress=False)
    assert list(Path("run/checkpoints").glob("step-*"))
    assert not Path("run/scores.json").exists()


def test_a_run_goes_on_in_its_own_folder_alone() -> None:
    with pytest.raises(ganzoo.UserError, match="leave out away"):
        ganzoo.train(resume="run", out="other")


def test_without_a_folder_the_run_gets_one_of_its_own() -> None:
    model = ganzoo.train("infogan", steps=1, settings=SMALL, progress=False)
    assert model.folder == Path("runs/infogan-mnist-0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"settings": {"train.batchsize": 3}}, "train.batch_size"),
        ({"preset": "mnits"}, "did you mean mnist?"),
        ({"data": "nowhere/"}, "nowhere/"),
    ],
)
def test_what_does_not_fit_is_told_as_by_the_command_and_nothing_is_written(
    arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ganzoo.UserError) as caught:
        ganzoo.train("infogan", progress=False, **arguments)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert not list(Path().iterdir())


def test_values_of_numpy_and_paths_are_taken_as_what_they_are() -> None:
    settings = {
        **SMALL,
        "optim.generator.lr": np.float64(0.01),
        "train.batch_size": torch.tensor(8),
        "loss.mutual_information.ramp": np.array([0, 5]),
        "optim.generator.betas": [np.float32(0.5), 0.9],
        "data.name": Path("no/such/folder"),
    }
    with pytest.raises(ganzoo.UserError, match="there is no file or folder 'no/such/folder'"):
        ganzoo.train("infogan", steps=1, settings=settings, progress=False)


def test_a_wrong_code_is_named() -> None:
    model = ganzoo.train("infogan", steps=1, settings=SMALL, progress=False)
    with pytest.raises(ganzoo.UserError, match="n should be 1 or more images, not 0"):
        model.sample(0)
    with pytest.raises(ganzoo.UserError, match="there is no code 'colour'"):
        model.sample(codes={"colour": 1})
    with pytest.raises(ganzoo.UserError, match="from 0 to 3"):
        model.sample(codes={"digit": 4})


def test_images_and_codes_of_a_model_can_be_trained_on(small_run: Path) -> None:
    model = ganzoo.load(small_run)
    layer = torch.nn.Conv2d(1, 1, 3)
    images = model.sample(4)
    layer(images).sum().backward()
    assert layer.weight.grad is not None
    codes = model.encode(images)
    assert codes is not None
    assert not any(each.is_inference() for each in (images, *codes.values()))


def test_images_of_another_kind_are_told() -> None:
    model = ganzoo.train("infogan", steps=1, settings=SMALL, progress=False)
    for wrong in (torch.zeros(1, 28, 28), torch.zeros(2, 3, 28, 28), torch.zeros(0, 1, 28, 28)):
        with pytest.raises(ganzoo.UserError, match=r"takes images \(n, 1, 28, 28\), not \("):
            model.encode(wrong)
    with pytest.raises(ganzoo.UserError, match="as floats") as told:
        model.encode(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    assert told.value.hint is not None
    assert "model.normalise" in told.value.hint


def test_a_model_that_is_being_saved_is_read_once_it_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ganzoo.train("infogan", steps=1, settings=SMALL, out="run", progress=False)
    weights = Path("run/model/model.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    monkeypatch.setattr(exported.time, "sleep", lambda _: weights.write_bytes(whole))
    assert ganzoo.load("run").step == 1
