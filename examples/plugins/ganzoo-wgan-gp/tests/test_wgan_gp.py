"""The penalties hold the critic back, and a run that was interrupted comes to the same end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from ganzoo import Context, DataInfo, Draw, Pass
from ganzoo_wgan_gp.losses import R1

if TYPE_CHECKING:
    from collections.abc import Callable

R1_ON_INFOGAN = {
    "model.discriminator_norm": "none",
    "optim.critic.lr": 2e-3,
    "loss.r1.weight": 10,
    "loss.r1.every": 4,
}


class Slope(nn.Module):
    """A critic whose gradient is 3 in one pixel and 4 in another."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": image.flatten(1)[:, :2] @ self.slope}


def penalty_of(critic: nn.Module) -> Tensor:
    """R1 of a pass that has real images and no fakes."""
    draw = Draw(0, 0, 0, 1, 5, torch.device("cpu"))
    pass_ = Pass({"discriminator": critic}, draw, {"image": torch.rand(5, 1, 2, 2)})
    loss = R1("r1", R1.Config(), Context(DataInfo("test", (1, 2, 2))))
    return loss.terms()["critic"](pass_)


def test_r1_is_half_the_squared_norm_of_the_gradient_at_real_images() -> None:
    assert penalty_of(Slope()).item() == pytest.approx((3**2 + 4**2) / 2)


def test_r1_teaches_the_critic_through_its_gradient() -> None:
    critic = Slope()
    penalty_of(critic).backward()
    assert critic.slope.grad is not None
    assert critic.slope.grad.tolist() == pytest.approx([3.0, 4.0])


def test_r1_serves_infogan_by_settings_alone(
    ganzoo: Callable[..., str], figures: Callable[[str], dict[str, float]]
) -> None:
    steps = ("--steps", "60", "--out")
    ganzoo("run", "infogan", *steps, "with", **R1_ON_INFOGAN)
    ganzoo("run", "infogan", *steps, "without", **R1_ON_INFOGAN | {"loss.r1.weight": 1e-9})
    held, free = (figures(run)["loss/critic/r1"] for run in ("with", "without"))
    assert held < 0.5 * free


def test_the_penalty_of_wgan_gp_holds_the_gradient_near_1(
    ganzoo: Callable[..., str], figures: Callable[[str], dict[str, float]]
) -> None:
    for weight in (10, 1e-9):
        ganzoo(
            *("run", "wgan-gp", "--steps", "40", "--out", f"weight-{weight}"),
            **{"loss.gradient_penalty.weight": weight, "optim.critic.lr": 2e-3},
        )
    held, free = (figures(f"weight-{weight}") for weight in (10, 1e-9))
    assert held["loss/critic/gradient_penalty"] < 0.1 < free["loss/critic/gradient_penalty"]


def test_the_preset_has_the_papers_losses_and_rates(ganzoo: Callable[..., str]) -> None:
    rows = json.loads(ganzoo("show", "wgan-gp", "--json"))["settings"]
    values = {row["key"]: row["value"] for row in rows}
    assert values["model.critic_repeats"] == 5
    assert values["model.discriminator_norm"] == "none"
    weights = {"wasserstein": 1, "gradient_penalty": 10, "adversarial": 0}
    assert {name: values[f"loss.{name}.weight"] for name in weights} == weights
    for player in ("critic", "generator"):
        assert values[f"optim.{player}.lr"] == 1e-4
        assert tuple(values[f"optim.{player}.betas"]) == (0.0, 0.9)


@pytest.mark.parametrize(
    ("model", "settings"),
    [("infogan", R1_ON_INFOGAN), ("wgan-gp", {"loss.r1.weight": 1, "loss.r1.every": 4})],
)
def test_a_run_that_was_stopped_between_two_lazy_turns_goes_on_to_the_bit(
    model: str,
    settings: dict[str, object],
    ganzoo: Callable[..., str],
    weights: Callable[[str], dict[str, Tensor]],
) -> None:
    ganzoo("run", model, "--steps", "9", "--out", "whole", **settings)
    ganzoo("run", model, "--steps", "3", "--out", "halved", **settings)
    ganzoo("run", "--resume", "halved", "--steps", "9")
    whole, halved = weights("whole"), weights("halved")
    assert whole.keys() == halved.keys()
    assert all(torch.equal(whole[name], halved[name]) for name in whole)
