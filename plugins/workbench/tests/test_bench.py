"""`ganzoo bench` times turns of any model, accounts for their operations, and writes no run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from builders import loss_part, make_trainer, part, settings_of
from commands import ganzoo
from PIL import Image
from small_runs import SMALL, given
from torch import Tensor, nn

from ganzoo import Context, Loss, Model, Pass, Phase
from ganzoo.counting import counted
from ganzoo.training import Trainer
from ganzoo_workbench import laps, machine, throughput
from ganzoo_workbench.laps import Laps
from ganzoo_workbench.machine import MatrixProduct
from ganzoo_workbench.quartiles import Quartiles
from ganzoo_workbench.throughput import WARM_UP, WINDOWS, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IMAGES, WIDTH, BATCH = 20, 4, 5
SLEEP = 0.04


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(autouse=True)
def _small_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo_workbench.machine._SIDES", {"cpu": 16})
    monkeypatch.setattr("ganzoo_workbench.machine._SECONDS", 1e-3)


class Copier(Model):
    """No adversary and no prior: one matrix product that shall leave images as they are."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        every: int = 1

    def networks(self) -> dict[str, nn.Module]:
        return {"copier": nn.Linear(WIDTH, WIDTH, bias=False)}

    def phases(self) -> list[Phase]:
        return [Phase("copy", ("copier",), self.copy, every=self.config.every)]

    def copy(self, nets: Any, batch: Any, draw: Any, shared: Any) -> Pass:
        copied = nets["copier"](batch["image"].flatten(1))
        return Pass(nets, draw, batch, extra={"copied": copied})


class Difference(Loss):
    def terms(self) -> Mapping[str, Any]:
        return {"copy": self.difference}

    def difference(self, pass_: Pass) -> Tensor:
        return (pass_.extra["copied"] - pass_.batch["image"].flatten(1)).square().mean()


class Product(Difference):
    """A lazy loss with a product of its own, of twice as many operations as the copier's."""

    def __init__(self, name: str, config: Any, context: Context) -> None:
        super().__init__(name, config, context)
        self.matrix = torch.ones(WIDTH, 2 * WIDTH)

    def difference(self, pass_: Pass) -> Tensor:
        return (pass_.extra["copied"].detach() @ self.matrix).sum() + super().difference(pass_)


class Steepness(Difference):
    """A penalty of the gradient with respect to images, as of a critic."""

    def difference(self, pass_: Pass) -> Tensor:
        images = pass_.batch["image"].flatten(1).detach().requires_grad_()
        copied = pass_.nets["copier"](images)
        (slope,) = torch.autograd.grad(copied.square().sum(), images, create_graph=True)
        return slope.square().mean()


class Slow(Difference):
    """A loss that takes its time."""

    def difference(self, pass_: Pass) -> Tensor:
        time.sleep(SLEEP)
        return super().difference(pass_)


def trainer_of(every: int = 1, **losses: Any) -> Trainer:
    losses = losses or {"difference": loss_part(Difference)}
    settings = settings_of(part(Copier, every=every), losses, batch_size=BATCH)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (IMAGES, 1, 2, 2), generator=generator).to(torch.uint8)
    return make_trainer(settings, images)


FORWARD = 2 * BATCH * WIDTH * WIDTH


def test_the_operations_of_a_turn_are_those_of_its_products() -> None:
    measured = measure(trainer_of(), "fp32", turns=1)
    # Forward, and backward to the weights; images get no gradient.
    assert measured.flop == {"batch": 0, "share": 0, "copy": 2 * FORWARD, "average": 0}
    assert measured.flop_rate.median == pytest.approx(2 * FORWARD / measured.turn.median)
    assert measured.latents is None


def test_the_operations_of_a_gradient_penalty_are_counted() -> None:
    measured = measure(trainer_of(steepness=loss_part(Steepness)), "fp32", turns=1)
    # The phase's own pass, the penalty's, the gradient, and the way back: through the gradient to
    # the weights and to the copies, and from there to the weights and the images.
    assert measured.flop["copy"] == (1 + 1 + 1 + 2 + 2) * FORWARD


def test_what_is_due_now_and_then_counts_by_the_mean_over_turns() -> None:
    assert measure(trainer_of(every=2), "fp32", turns=1).flop["copy"] == FORWARD
    lazy = trainer_of(difference=loss_part(Difference), product=loss_part(Product, every=4))
    assert measure(lazy, "fp32", turns=1).flop["copy"] == 2 * FORWARD + 2 * FORWARD / 4


@pytest.mark.parametrize(
    ("asked", "turns", "windows"), [(1, 4, 1), (6, 8, 2), (33, 36, WINDOWS), (64, 64, WINDOWS)]
)
def test_every_window_holds_whole_periods_of_what_is_due_now_and_then(
    asked: int, turns: int, windows: int
) -> None:
    lazy = trainer_of(difference=loss_part(Difference), slow=loss_part(Slow, every=4))
    measured = measure(lazy, "fp32", turns=asked)
    assert (measured.turns, measured.windows, measured.period) == (turns, windows, 4)
    assert measured.turn.low >= SLEEP / 4
    assert measured.parts["copy"].low >= SLEEP / 4


def test_operations_are_counted_over_whole_periods_however_long() -> None:
    lazy = trainer_of(difference=loss_part(Difference), product=loss_part(Product, every=40))
    assert measure(lazy, "fp32", turns=1).flop["copy"] == 2 * FORWARD + 2 * FORWARD / 40


def test_turns_are_timed_after_every_ramp() -> None:
    trainer = trainer_of(difference=loss_part(Difference, ramp=(5, 100)))
    measure(trainer, "fp32", turns=3)
    assert trainer.step == 100 + 1 + WARM_UP + 3


@pytest.mark.parametrize(("turns", "windows"), [(1, 1), (3, 3), (WINDOWS, WINDOWS), (21, WINDOWS)])
def test_just_as_many_turns_are_timed_as_were_asked_for(turns: int, windows: int) -> None:
    trainer = trainer_of()
    measured = measure(trainer, "fp32", turns=turns)
    assert (measured.turns, measured.windows) == (turns, windows)
    assert trainer.step == 1 + WARM_UP + turns


def test_turns_that_nobody_counted_fill_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_SECONDS", 0.0)
    assert measure(trainer_of(), "fp32").turns == WINDOWS
    monkeypatch.setattr(throughput, "_SECONDS", 0.3)
    assert measure(trainer_of(), "fp32").turns > WINDOWS


def test_the_parts_of_a_turn_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # What else the machine does is in no part's time, then.
    monkeypatch.setattr(time, "perf_counter", time.process_time)
    measured = measure(trainer_of(), "fp32", turns=40)
    parts = sum(quartiles.median for quartiles in measured.parts.values())
    assert list(measured.parts) == ["batch", "share", "copy", "average"]
    assert 0.5 * measured.turn.median < parts < 1.5 * measured.turn.median


def test_the_machine_is_held_against_in_the_precision_of_the_training() -> None:
    measured = measure(trainer_of(), "bf16", turns=1)
    assert list(measured.matrix_rate) == ["fp32", "bf16"]
    own = measured.matrix_rate["bf16"].median
    assert measured.utilisation.median == pytest.approx(measured.flop_rate.median / own)


def test_fp32_on_cuda_is_held_against_tf32_where_convolutions_may_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = torch.device("cuda")
    assert torch.backends.cudnn.allow_tf32, "torch's default"
    assert machine.fastest("fp32", cuda) == "tf32"
    assert machine.fastest("bf16", cuda) == "bf16"
    assert machine.fastest("fp32", torch.device("cpu")) == "fp32"
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert machine.fastest("fp32", cuda) == "fp32"


def test_the_product_that_a_turn_is_held_against_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throughput, "fastest", lambda precision, device: "tf32")
    measured = measure(trainer_of(), "fp32", turns=1)
    assert list(measured.matrix_rate) == ["fp32", "tf32"]
    assert measured.held_against == "tf32"
    own = measured.matrix_rate["tf32"].median
    assert measured.utilisation.median == pytest.approx(measured.flop_rate.median / own)


@pytest.mark.parametrize("streams", [True, False])
def test_nothing_is_measured_between_the_windows_of_a_stream(
    streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    take = Trainer.parts

    def parts(trainer: Trainer) -> Iterator[str]:
        happened.append("turn")
        return take(trainer)

    def rate(product: MatrixProduct) -> float:
        happened.append("product")
        return 1e9

    monkeypatch.setattr(Trainer, "streams", streams)
    monkeypatch.setattr(Trainer, "parts", parts)
    monkeypatch.setattr(MatrixProduct, "rate", rate)
    measured = measure(trainer_of(), "fp32", turns=3)
    expected = ["turn"] * 3 + ["product"] if streams else ["turn", "product"] * 3
    assert happened[-len(expected) :] == expected
    assert happened.count("product") == expected.count("product")
    uncounted = happened.count("turn") - 3 - WARM_UP
    assert uncounted == 1 + streams, "to count operations; and before, to begin to decode"
    assert measured.matrix_rate["fp32"].median == 1e9


def test_a_product_is_timed_in_its_own_precision_whatever_the_training_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def note(*_: object, **__: object) -> None:
        flags.append(flag())

    def flag() -> object:
        return getattr(torch.backends.cuda.matmul, machine._FLAG)

    flags: list[object] = []
    before = flag()
    monkeypatch.setattr(torch, "mm", note)
    for precision in ("fp32", "tf32"):
        MatrixProduct(torch.device("cpu"), precision, side=8)
    assert flags == [machine._FP32, machine._TF32]
    assert flag() == before


def test_a_matrix_product_has_two_operations_for_each_entry_and_term(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = MatrixProduct(torch.device("cpu"), "fp32", side=8)
    monkeypatch.setattr(product, "_time", lambda products: 0.25 * products)
    assert product.rate() == 2 * 8**3 / 0.25


def test_laps_are_summed_by_name_and_what_lies_between_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 1.0, 3.0, 10.0, 14.0])
    monkeypatch.setattr(laps.time, "perf_counter", lambda: next(clock))
    timed = Laps(torch.device("cpu"))
    timed.begin()
    timed.mark("one")
    timed.mark("other")
    timed.begin()
    timed.mark("one")
    assert timed.seconds() == {"one": 1.0 + 4.0, "other": 2.0}


def test_quartiles_hold_the_median_and_the_middle_half() -> None:
    assert Quartiles.of([5.0]) == Quartiles(5.0, 5.0, 5.0)
    assert Quartiles.of([4.0, 1.0, 5.0, 2.0, 3.0]) == Quartiles(3.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [("infogan", {"generator", "discriminator", "q"}), ("dcgan", {"generator", "discriminator"})],
)
def test_a_bench_as_json_says_what_was_timed_and_writes_no_run(
    model: str, parameters: set[str]
) -> None:
    result = ganzoo("bench", model, "--json", "--steps", "4", *given(SMALL))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["model"], found["preset"]) == (model, "mnist")
    assert (found["turns"], found["batch_size"]) == (4, 16)
    assert found["parameters"].keys() == parameters
    assert found["settings"]["train"]["batch_size"] == 16
    assert found["environment"]["precision"] == "fp32"
    threads = counted(torch.get_num_threads(), "thread")
    assert found["environment"]["device_name"] == f"CPU, {threads}"
    assert found["environment"]["versions"]["torch"] == version("torch")
    rate = found["images_per_second"]
    assert 0 < rate["low"] <= rate["median"] <= rate["high"]
    assert found["flop"]["critic"] > found["flop"]["generator"] > 0
    assert found["memory"]["process"] > 2**20
    assert found["memory"]["device"] is None
    assert list(Path().iterdir()) == []


def test_a_bench_for_people_names_device_versions_rates_and_phases() -> None:
    result = ganzoo("bench", "infogan", "--steps", "2", *given(SMALL))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "infogan, preset mnist, in fp32 (train.precision)"
    assert "2 turns of 16 images in 2 windows: median (quartiles)" in lines[4]
    assert "    the turn's share of fp32 matrix products: " in result.stdout
    starts = [" ".join(line.split()[:2]) for line in lines[1:]]
    for start in ("device CPU,", "versions Python", "timed 2", "memory"):
        assert any(each.startswith(start) for each in starts), start
    text = result.stdout
    for word in ("images/s", "ms a turn", "critic", "generator", "fp32 matrix product"):
        assert word in text


def test_a_bench_takes_data_and_files_of_settings_as_a_training_does() -> None:
    Path("few.toml").write_text("[train]\nbatch_size = 4\n")
    Path("photos").mkdir()
    for shade in range(8):
        Image.new("L", (28, 28), 30 * shade).save(f"photos/{shade}.png")
    words = ["--data", "photos", "--config", "few.toml", "--json", "--steps", "1"]
    fewer = [setting for setting in SMALL if "batch_size" not in setting]
    result = ganzoo("bench", "dcgan", *words, *given(fewer))
    assert result.exit_code == 0, result.output
    settings = json.loads(result.stdout)["settings"]
    assert (settings["data"]["name"], settings["train"]["batch_size"]) == ("./photos", 4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["infogn"], "did you mean 'infogan'"),
        (["infogan", "--steps", "0"], "0 is not in the range x>=1"),
        (["infogan", "--set", "train.batch_sizes=3"], "did you mean"),
        ([], "missing argument 'NAME'"),
    ],
)
def test_a_bench_that_cannot_be_taken_says_why(arguments: list[str], said: str) -> None:
    result = ganzoo("bench", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
