"""Each setting of InfoGAN gives the gradient that it should, and none that it should not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ganzoo import Context, DataInfo, Draw, Phase, UserError
from ganzoo.assembly import Assembly, _optimisers, assemble
from ganzoo.discovery import discover
from ganzoo.registry import Registry
from ganzoo.schema import OptimSettings
from ganzoo.settings import Assignment, resolve
from ganzoo_infogan.codes import Uniform
from ganzoo_infogan.priors import StructuredPrior

CPU = torch.device("cpu")
SMALL = {
    "model.generator_dense": "[16]",
    "model.generator_channels": "[8, 4]",
    "model.discriminator_dense": "[16]",
    "model.discriminator_channels": "[4, 8]",
    "model.reader_width": "8",
}


def assembled(**settings: str) -> Assembly:
    assignments = [
        Assignment(key.replace("__", "."), value, "--set")
        for key, value in {**SMALL, **settings}.items()
    ]
    resolved = resolve(Registry(discover()), "infogan", assignments=assignments)
    return assemble(resolved, DataInfo("noise", (1, 8, 8)))


def gradients(assembly: Assembly, phase_name: str, step: int = 0) -> dict[str, float]:
    """Size of the gradient that the active terms of a phase give to each network."""
    phase = next(phase for phase in assembly.phases if phase.name == phase_name)
    for name, net in assembly.networks.items():
        net.zero_grad()
        net.requires_grad_(name in phase.trains)
    torch.manual_seed(0)
    draw = Draw(0, step, 0, 1, 16, CPU, prior=assembly.prior, phase=phase_name)
    pass_ = phase.forward(assembly.networks, {"image": torch.rand(16, 1, 8, 8)}, draw, {})
    terms = [(term, term.weight_at(step)) for term in assembly.terms[phase_name]]
    values = [
        weight * getattr(value, "value", value)
        for term, weight in terms
        if weight
        for value in [term.function(pass_)]
    ]
    assert values, "no term is active"
    torch.autograd.backward(sum(values[1:], values[0]))
    return {
        name: math.sqrt(
            sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None)
        )
        for name, net in assembly.networks.items()
    }


def test_a_warm_start_teaches_the_codes_before_the_players_play() -> None:
    # weight 0 up to turn 100: the authors' research code calls it reg_epochs
    assembly = assembled(loss__adversarial__ramp="[100, 101]")
    head = assembly.networks["discriminator"].head
    assert gradients(assembly, "critic", step=50)["q"] > 0
    assert head.weight.grad is None or not head.weight.grad.any()
    assert gradients(assembly, "critic", step=101)["discriminator"] > 0
    assert head.weight.grad.any()


@pytest.mark.parametrize(
    ("muted", "column"), [("categorical", slice(0, 10)), ("continuous", slice(10, 14))]
)
def test_lambda_is_set_for_each_kind_of_code(muted: str, column: slice) -> None:
    assembly = assembled(**{f"loss.mutual_information.{muted}": "0"})
    gradients(assembly, "critic")
    last = assembly.networks["q"].layers[-1].weight.grad
    assert not last[column].any()
    others = torch.ones(14, dtype=torch.bool)
    others[column] = False
    assert last[others].any()


def test_lambda_scales_the_gradient() -> None:
    one = gradients(assembled(), "critic")["q"]
    tenth = gradients(assembled(loss__mutual_information__weight="0.1"), "critic")["q"]
    assert tenth == pytest.approx(0.1 * one, rel=1e-4)


@pytest.mark.parametrize(("std", "moves"), [("fixed", False), ("learned", True)])
def test_the_std_learns_only_if_it_may(std: str, moves: bool) -> None:
    outputs = torch.tensor([[0.3, 0.0]], requires_grad=True)
    Uniform(std=std, std_range=(0.1, 2.0)).nll(outputs, torch.tensor([0.9])).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad[0, 0] != 0
    assert (outputs.grad[0, 1] != 0).item() is moves


@pytest.mark.parametrize(("distribution", "largest"), [("uniform", 1.0), ("normal", 3.0)])
def test_noise_is_drawn_from_the_distribution_that_is_set(
    distribution: str, largest: float
) -> None:
    config = StructuredPrior.Config(size=50, distribution=distribution)
    prior = StructuredPrior(config, Context(DataInfo("noise", (1, 8, 8))))
    noise = prior.sample(100, generator=torch.Generator().manual_seed(0), device=CPU).parts["noise"]
    if distribution == "uniform":
        assert noise.abs().max() <= largest
        assert noise.std() == pytest.approx(1 / math.sqrt(3), abs=0.02)
    else:
        assert noise.abs().max() > largest
        assert noise.std() == pytest.approx(1, abs=0.03)


# The authors' rule for a run that gets nowhere

WELL = {
    "loss/critic/adversarial": 1.2,
    "loss/generator/adversarial": 0.8,
    "best_fake": 0.6,
    "mi_nats/digit": 2.2,
    "mi_nats/slant": -0.25,
    "mi_nats/width": -0.3,
}


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({}, None),
        ({"loss/critic/adversarial": 0.0009}, "critic's adversarial loss"),
        ({"loss/generator/adversarial": 0.0009}, "generator's adversarial loss"),
        ({"best_fake": 0.009}, "gives no fake a probability"),
        ({"mi_nats/digit": 0.005}, "categorical codes is below 0.01"),
        # always saying 0 with a standard deviation of 1 gives ln 2 - 1.0856 = -0.3925 nats
        ({"mi_nats/slant": -0.39, "mi_nats/width": -0.39}, None),
        ({"mi_nats/slant": -0.30, "mi_nats/width": -0.49}, "continuous codes are read worse"),
    ],
)
def test_a_stuck_training_is_told_by_the_authors_rule(
    figures: dict[str, float], reason: str | None
) -> None:
    found = assembled().model.stuck(WELL | figures)
    assert found is None if reason is None else reason in (found or "")


@pytest.mark.parametrize(
    ("log_variance", "value", "moves"),
    [(-6.0, 1.0, "up"), (-6.0, 0.0, "not"), (2.0, 0.0, "down"), (2.0, 9.0, "not")],
)
def test_a_deviation_beyond_its_range_may_come_back_and_go_no_further(
    log_variance: float, value: float, moves: str
) -> None:
    outputs = torch.tensor([[0.0, log_variance]], requires_grad=True)
    Uniform(std="learned", std_range=(0.1, 2.0)).nll(outputs, torch.tensor([value])).backward()
    assert outputs.grad is not None
    step = -float(outputs.grad[0, 1])
    assert {"up": step > 0, "down": step < 0, "not": step == 0}[moves]


def test_a_phase_of_its_own_learns_at_the_generators_rate_unless_told() -> None:
    joint = {"model.routing": "joint"}
    assert assembled(**joint).optim["information"] == assembled().optim["generator"]
    told = assembled(**joint, **{"optim.information.lr": "3e-4"})
    assert told.optim["information"].lr == 3e-4


def test_a_phase_keeps_what_it_is_not_told_from_the_one_whose_rates_it_takes() -> None:
    told = assembled(**{"model.routing": "joint", "optim.information.decay": "[10, 20]"})
    generator = told.optim["generator"]
    assert generator.lr == 1e-3
    assert told.optim["information"] == replace(generator, decay=(10, 20))


def test_the_rates_of_a_phase_follow_those_that_another_really_has() -> None:
    def optimisers(**rates_of: str) -> dict[str, OptimSettings]:
        def phase(name: str, trains: str) -> Phase:
            return Phase(name, (trains,), lambda *_: None, rates_of=rates_of.get(name))

        phases = (phase("a", "x"), phase("twin", "x"), phase("b", "y"), phase("c", "z"))
        return _optimisers({"a": {"lr": 5e-4}}, phases)

    assert optimisers(b="twin", c="b")["c"].lr == 5e-4
    assert optimisers()["c"] == OptimSettings()
    with pytest.raises(UserError, match="phase c has rates_of 'd', which is no other phase"):
        optimisers(c="d")
    with pytest.raises(UserError, match="takes them from it in turn"):
        optimisers(b="c", c="b")
