"""Faults put into a training: told with the turn and the name, and never into a checkpoint."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from builders import Training, lines_of, loss_part, part, settings_of, weights_of
from torch import Tensor, nn

from ganzoo import (
    Adversarial,
    Batch,
    Code,
    Draw,
    Latents,
    Loss,
    Model,
    Networks,
    Pass,
    Phase,
    Prior,
)
from ganzoo.checkpoint import newest, restore
from ganzoo.errors import UserError
from ganzoo.reporting import Console
from ganzoo.schema import OptimSettings
from ganzoo.watchdog import Episodes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ganzoo.training import Trainer


class Walker(Model):
    """One number that goes up by the learning rate every turn."""

    averaged = ("walker",)

    def networks(self) -> dict[str, nn.Module]:
        walker = nn.Linear(1, 1)
        nn.init.zeros_(walker.weight)
        walker.register_buffer("mask", torch.tensor([-math.inf]))
        walker.register_buffer("seen", torch.zeros(1))
        return {"walker": walker}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("walker",), self.look)]

    def look(self, nets: Networks, batch: Batch, draw: Draw, shared: Any) -> Pass:
        one, nothing = torch.ones(1, 1), torch.zeros(1, 1)
        place = nets["walker"](one) - nets["walker"](nothing)
        return Pass(nets, draw, batch, extra={"place": place.squeeze()})

    def preview(self, nets: Networks, *_: Any) -> Tensor:
        return torch.linspace(-1, 1, 5 * 4).view(5, 1, 2, 2)


class Up(Loss):
    """Wants the number larger, and is a NaN once it is beyond ``wall``."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        wall: float = math.inf

    def terms(self) -> Mapping[str, Any]:
        return {"fit": self.climb}

    def climb(self, pass_: Pass) -> Tensor:
        place = pass_.extra["place"]
        return (self.config.wall - place).sqrt() if self.config.wall < math.inf else -place


IMAGES = (torch.arange(80 * 4) % 256).to(torch.uint8).view(80, 1, 2, 2)


def walking(wall: float = math.inf, lr: float = 0.3, **train: Any) -> Training:
    settings = settings_of(
        part(Walker),
        {"up": loss_part(Up, wall=wall)},
        optim={"fit": OptimSettings(lr=lr)},
        **{"batch_size": 4, "report_every": 2, "checkpoint_every": 2, "images_every": 100, **train},
    )
    return Training.of(settings, IMAGES)


def events(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in lines_of(folder / "events.jsonl") if event["event"] in kinds]


def reports(folder: Path) -> list[float]:
    return [record["step"] for record in lines_of(folder / "metrics.jsonl")]


def everything_is_finite(path: Path) -> bool:
    def finite(value: Any) -> bool:
        if isinstance(value, dict):
            return all(finite(each) for key, each in value.items() if key != "mask")
        if isinstance(value, list):
            return all(finite(each) for each in value)
        return not isinstance(value, Tensor) or bool(value.isfinite().all())

    return all(
        finite({key: each for key, each in torch.load(file).items() if key != "networks"})
        for file in path.glob("*.pt")
    )


def test_a_loss_that_is_no_number_ends_the_run_at_the_next_report(tmp_path: Path) -> None:
    # Turns 1 to 4 reach 1.2; the fifth asks for the root of a negative number.
    with pytest.raises(UserError) as caught:
        walking(wall=1.0, steps=20).run(tmp_path)
    assert caught.value.what.startswith("loss/fit/up (and ")
    assert "is no number any more at turn 6: the training has diverged" in caught.value.what
    assert "The checkpoint of turn 4 is good" in str(caught.value)
    (event,) = events(tmp_path, "diverged")
    assert event["step"] == 6
    assert {"loss/fit/up", "walker.weight"} <= set(event["broken"])
    assert reports(tmp_path) == [2, 4]


def test_a_checkpoint_between_two_reports_never_holds_a_nan(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at turn 5"):
        walking(wall=1.0, steps=20, report_every=100, checkpoint_every=1).run(tmp_path)
    saved = sorted((tmp_path / "checkpoints").iterdir())
    assert [path.name for path in saved] == ["step-000003", "step-000004"]
    assert all(everything_is_finite(path) for path in saved)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda trainer: trainer.nets["walker"].weight.data.fill_(math.inf), "walker.weight"),
        (lambda trainer: trainer.nets["walker"].bias.data.fill_(math.nan), "walker.bias"),
        (lambda trainer: trainer.nets["walker"].seen.fill_(math.nan), "walker.seen"),
        (
            lambda trainer: trainer.averages["walker"].bias.data.fill_(math.nan),
            "average of walker.bias",
        ),
        (
            lambda trainer: moments(trainer)["exp_avg_sq"].fill_(math.inf),
            "exp_avg_sq of walker.weight",
        ),
    ],
)
def test_the_tensor_that_is_no_number_is_named(tmp_path: Path, spoil: Any, named: str) -> None:
    class Saboteur(Console):
        def turned(self, step: int) -> None:
            if step == 4:
                spoil(training.trainer)

    training = walking(steps=20, ema_decay=0.9)
    with pytest.raises(UserError, match=f"^{named} is no number any more at turn 4"):
        training.run(tmp_path, Saboteur(io.StringIO()))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000002"]


def moments(trainer: Trainer) -> dict[str, Tensor]:
    (optimiser,) = trainer.optimisers.values()
    state: dict[str, Tensor] = optimiser.state[trainer.nets["walker"].weight]
    return state


def test_a_buffer_that_is_infinite_from_the_start_is_meant_to_be(tmp_path: Path) -> None:
    assert walking(steps=4).run(tmp_path).step == 4


def test_a_rollback_goes_on_with_lower_rates_and_ends_finite(tmp_path: Path) -> None:
    training = walking(wall=1.4, steps=8, on_divergence="rollback", rollback_rate=0.05)
    told = io.StringIO()
    assert training.run(tmp_path, Console(told)).step == 8
    assert all(
        bool(value.isfinite().all())
        for key, value in weights_of(training.trainer).items()
        if key != "walker.mask"
    )
    (diverged,), (back,) = events(tmp_path, "diverged"), events(tmp_path, "rolled back")
    assert (diverged["step"], back["step"]) == (6, 4)
    assert (back["rollbacks"], back["rate_factor"]) == (1, 0.05)
    assert "going on from turn 4 with 0.05 times the learning rates" in told.getvalue()
    assert reports(tmp_path) == [2, 4, 6, 8]
    assert everything_is_finite(tmp_path / "checkpoints/step-000008")


def test_a_run_that_diverges_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    settings = {"checkpoint_every": 100, "on_divergence": "rollback", "rollback_rate": 0.2}
    training = walking(wall=1.0, steps=8, **settings)
    assert training.run(tmp_path).step == 8
    assert events(tmp_path, "rolled back")[0]["step"] == 0
    assert reports(tmp_path) == [2, 4, 6, 8]


def test_the_run_stops_when_its_rollbacks_are_used_up(tmp_path: Path) -> None:
    training = walking(wall=-1.0, steps=8, on_divergence="rollback", rollbacks=2)
    with pytest.raises(UserError, match="is no number any more at turn 2"):
        training.run(tmp_path)
    assert [event["rate_factor"] for event in events(tmp_path, "rolled back")] == [0.5, 0.25]


def test_a_resumed_run_knows_of_its_rollbacks_and_continues_to_the_bit(tmp_path: Path) -> None:
    def made(steps: int) -> Training:
        return walking(wall=1.4, steps=steps, on_divergence="rollback", rollback_rate=0.05)

    straight = made(8)
    straight.run(tmp_path / "straight")

    class KilledError(Exception):
        pass

    class Killer(Console):
        def turned(self, step: int) -> None:
            if step == 5 and broken.trainer.rollbacks:
                raise KilledError

    broken = made(8)
    with pytest.raises(KilledError):  # before any checkpoint that follows the rollback
        broken.run(tmp_path / "broken", Killer(io.StringIO()))
    resumed = made(8)
    found, _ = newest(tmp_path / "broken/checkpoints")
    assert found is not None
    restore(resumed.trainer, found)
    assert (resumed.trainer.step, resumed.trainer.rollbacks) == (4, 1)
    resumed.run(tmp_path / "broken")
    for key, value in weights_of(straight.trainer).items():
        assert torch.equal(value, weights_of(resumed.trainer)[key]), key


class Category(Code):
    """One of three."""

    width, outputs, entropy = 3, 3, math.log(3)

    def sample(self, n: int, *, generator: Any, device: torch.device) -> Tensor:
        return torch.randint(3, (n,), generator=generator, device=device)

    def walk(self, count: int, span: Any = None) -> list[float]:
        return [0.0, 1.0, 2.0]

    def encode(self, values: Tensor) -> Tensor:
        return nn.functional.one_hot(values, 3).float()

    def nll(self, outputs: Tensor, values: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, values, reduction="none")

    def read(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(1)

    def parse(self, text: str) -> float:
        return float(text)


class OneCode(Prior):
    size = 3
    codes: ClassVar = {"kind": Category()}

    def sample(self, n: int, *, generator: Any, device: torch.device) -> Latents:
        kind = self.codes["kind"].sample(n, generator=generator, device=device)
        return Latents(self.codes["kind"].encode(kind), {"kind": kind})

    def replace(self, latents: Latents, name: str, values: Tensor) -> Latents:
        values = values.long()
        return Latents(self.codes[name].encode(values), {name: values})


class Tiny(Adversarial):
    """Draws as brightly as ``bright`` says, and reads the category that ``reads`` says."""

    bright, reads = 1.0, (0, 1, 2)

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": nn.Linear(3, 4), "discriminator": nn.Linear(4, 1)}

    def judge(self, nets: Networks, batch: Batch) -> Mapping[str, Tensor]:
        return {"logits": nets["discriminator"](batch["image"].flatten(1)).squeeze(1)}

    def generate(self, nets: Networks, latents: Latents, generator: Any = None) -> Batch:
        image = nets["generator"](latents.flat).view(-1, 1, 2, 2)
        noise = torch.linspace(-1, 1, image.numel()).view_as(image)
        return {"image": image * 0 + noise * self.bright}

    def encode(self, nets: Networks, batch: Batch) -> dict[str, Tensor]:
        kinds = torch.tensor(self.reads)
        return {"kind": kinds[torch.arange(len(batch["image"])) % len(kinds)]}


class Players(Loss):
    """A critic's loss of a given size."""

    size = 1.0

    def terms(self) -> Mapping[str, Any]:
        return {
            "critic": lambda pass_: pass_.on_real["logits"].mean() * 0 + self.size,
            "generator": lambda pass_: pass_.fake["image"].mean(),
        }


def playing(steps: int = 8) -> Training:
    settings = settings_of(
        part(Tiny),
        {"adversarial": loss_part(Players)},
        prior=part(OneCode),
        steps=steps,
        batch_size=4,
        report_every=1,
        images_every=1,
    )
    return Training.of(settings, IMAGES)


def test_a_healthy_training_is_not_warned_of(tmp_path: Path) -> None:
    playing().run(tmp_path)
    assert events(tmp_path, "warning") == []
    pictured = events(tmp_path, "pictured")
    assert [event["step"] for event in pictured] == list(range(1, 9))
    assert pictured[-1]["diversity"] > 0.5
    assert pictured[-1]["categories/kind"] == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(
    ("owner", "fault", "symptom", "said", "first"),
    [
        (Tiny, {"bright": 0.0}, "diversity", "samples are nearly all alike", 2),
        (Players, {"size": 0.001}, "saturation", "the critic's adversarial loss is below 0.02", 3),
        (Tiny, {"reads": (0, 1)}, "categories/kind", "dead categories of kind: 2", 2),
        (
            Tiny,
            {"reads": (0,) * 18 + (1, 2)},
            "categories/kind",
            "categories of kind have merged: their use on 80 real images amounts to 1.5 of 3",
            2,
        ),
    ],
)
def test_a_collapse_is_told_once_while_it_lasts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    fault: dict[str, Any],
    symptom: str,
    said: str,
    first: int,
) -> None:
    for name, value in fault.items():
        monkeypatch.setattr(owner, name, value)
    told = io.StringIO()
    playing().run(tmp_path, Console(told))
    (warning,) = events(tmp_path, "warning")
    assert (warning["symptom"], warning["step"]) == (symptom, first)
    assert said in warning["message"]
    assert told.getvalue().count(said) == 1


def test_what_the_model_calls_stuck_is_told_though_it_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tiny, "stuck", lambda self, figures: "nothing moves")
    playing().run(tmp_path)
    (warning,) = events(tmp_path, "warning")
    assert (warning["symptom"], warning["message"]) == ("stuck", "nothing moves")


def test_a_warning_comes_again_only_after_it_was_over() -> None:
    episodes = Episodes(patience=2)
    seen = [True, True, True, False, True, False, True, True]
    kinds = [
        (step, event.kind)
        for step, wrong in enumerate(seen)
        for event in episodes.heed(step, {"x": "wrong"} if wrong else {})
    ]
    assert kinds == [(1, "warning"), (3, "over"), (7, "warning")]


def test_looking_disturbs_no_training(tmp_path: Path) -> None:
    watched, alone = playing(), playing()
    watched.run(tmp_path)
    for _ in range(8):
        alone.trainer.turn()
    for key, value in weights_of(alone.trainer).items():
        assert torch.equal(value, weights_of(watched.trainer)[key]), key
