"""Pairs share one code, a reader learns which, and the generator makes it easy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo import Context, DataInfo, Draw, Pass, UserError
from ganzoo_infogan.model import InfoGAN
from ganzoo_infogan.priors import StructuredPrior
from ganzoo_infogan_cr.contrastive import Contrastive, pair_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = DataInfo("test", (1, 8, 8))
CODES = {"kind": "categorical(3)", "a": "uniform(-1, 1)", "b": "uniform(0, 2)", "c": "uniform"}
CHANCE = 0.693
"""Cross-entropy in nats of a guess among two codes."""


def contrastive(codes: dict[str, str]) -> Contrastive:
    prior = StructuredPrior(StructuredPrior.Config(size=2, codes=codes), Context(DATA))
    widths = {"generator_channels": (4,), "discriminator_channels": (4,)}
    model = InfoGAN(InfoGAN.Config(**widths), Context(DATA, prior=prior))
    context = Context(DATA, prior=prior, model=model, phases=tuple(model.phases()))
    return Contrastive("contrastive", Contrastive.Config(), context)


def test_a_pair_shares_one_continuous_code_and_whatever_is_none() -> None:
    loss = contrastive(CODES)
    prior = loss.context.prior
    assert prior is not None

    def told(flat: Tensor) -> Tensor:
        """An image that shows the latents themselves."""
        return nn.functional.pad(flat, (0, 64 - flat.shape[1])).view(-1, 1, 8, 8)

    draw = Draw(0, 0, 0, 1, 300, torch.device("cpu"), prior)
    pair, common = loss.pairs({"generator": told}, draw)
    assert pair.shape == (300, 2, 8, 8)
    one, two = (images.flatten(1)[:, : prior.size] for images in pair.unbind(1))
    equal = one == two
    noise_and_kind, continuous = equal[:, :5], equal[:, 5:]
    assert noise_and_kind.all()
    assert torch.equal(continuous, nn.functional.one_hot(common, 3).bool())
    assert common.bincount().min() > 70


def test_one_continuous_code_is_nothing_to_tell_apart() -> None:
    with pytest.raises(UserError, match="at least two continuous codes"):
        contrastive({"kind": "categorical(3)", "a": "uniform"})


@pytest.mark.parametrize("side", [4, 8, 28, 32, 64])
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_the_reader_fits_images_of_any_side(side: int, norm: Any) -> None:
    reader = pair_reader((3, side, side), 5, (32, 32, 64, 64), width=128, norm=norm)
    assert reader(torch.rand(2, 6, side, side)).shape == (2, 5)


def test_at_64_pixels_the_reader_has_the_parameters_of_the_paper() -> None:
    reader = pair_reader((1, 64, 64), 5, (32, 32, 64, 64), width=128, norm="spectral")
    assert sum(parameter.numel() for parameter in reader.parameters()) == 247_749


class Entangled(nn.Module):
    """A generator in which both continuous codes at first do the very same."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gains = nn.Linear(size, 64)
        with torch.no_grad():
            self.gains.weight[:, -1] = self.gains.weight[:, -2]

    def forward(self, flat: Tensor) -> Tensor:
        return self.gains(flat).sigmoid().view(-1, 1, 8, 8)


@pytest.mark.parametrize("taught", [True, False])
def test_codes_come_apart_where_the_generator_is_taught_to_be_readable(taught: bool) -> None:
    torch.manual_seed(0)
    loss = contrastive({"a": "uniform(-1, 1)", "b": "uniform(-1, 1)"})
    prior = loss.context.prior
    assert prior is not None
    nets = {"generator": Entangled(prior.size), loss.own("reader"): loss.networks()["reader"]}
    optimisers = {name: torch.optim.Adam(net.parameters(), 5e-3) for name, net in nets.items()}
    (contrast,), terms = loss.phases(), loss.terms()
    costs = []
    for step in range(200):
        draw = Draw(0, step, 0, 1, 64, torch.device("cpu"), prior)
        due = {"contrast": loss.own("reader")} | ({"generator": "generator"} if taught else {})
        for phase, trained in due.items():
            own = draw.within(phase)
            pass_ = contrast.forward(nets, {}, own, {}) if phase == "contrast" else None
            cost = terms[phase](pass_ or Pass(nets, own, {}))
            for optimiser in optimisers.values():
                optimiser.zero_grad()
            cost.backward()
            optimisers[trained].step()
            if phase == "contrast":
                costs.append(cost.item())
    reached = sum(costs[-20:]) / 20
    # As long as both do the same, no reader can do better than guess.
    assert reached < 0.5 * CHANCE if taught else reached > 0.95 * CHANCE


# Whole runs


def test_before_its_ramp_the_loss_costs_nothing_and_its_reader_is_fresh(
    ganzoo: Callable[..., str],
    weights: Callable[[str], dict[str, Tensor]],
    figures: Callable[[str], dict[str, float]],
    tmp_path: Path,
) -> None:
    settings = {"loss.contrastive.weight": 1, "loss.contrastive.ramp": "[4, 5]"}
    settings |= {"train.report_every": 1}
    for steps in (1, 4, 8):
        ganzoo("run", "infogan", "--steps", str(steps), "--out", f"{steps}", **settings)
    first, before, after = (
        {key: value for key, value in weights(run).items() if key.startswith("contrastive.reader.")}
        for run in ("1", "4", "8")
    )
    assert all(torch.equal(first[key], before[key]) for key in first)
    assert not any(torch.equal(first[key], after[key]) for key in first)
    lines = map(json.loads, (tmp_path / "8/metrics.jsonl").read_text().splitlines())
    told = [line["step"] for line in lines if "loss/contrast/contrastive" in line]
    assert told == [6, 7, 8]
    assert figures("8")["loss/generator/contrastive"] > 0


@pytest.mark.parametrize("model", ["infogan", "infogan-modified"])
def test_a_run_that_was_stopped_goes_on_to_the_bit(
    model: str, ganzoo: Callable[..., str], weights: Callable[[str], dict[str, Tensor]]
) -> None:
    settings: dict[str, Any] = {"loss.contrastive.weight": 1, "loss.contrastive.every": 2}
    settings |= {"loss.contrastive.ramp": "[1, 7]", "train.ema_decay": 0.9}
    ganzoo("run", model, "--steps", "9", "--out", "whole", **settings)
    ganzoo("run", model, "--steps", "3", "--out", "halved", **settings)
    ganzoo("run", "--resume", "halved", "--steps", "9")
    whole, halved = weights("whole"), weights("halved")
    assert whole.keys() == halved.keys()
    assert any(name.startswith("contrastive.reader.") for name in whole)
    assert all(torch.equal(whole[name], halved[name]) for name in whole)
