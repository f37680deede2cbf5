"""The VAE learns, its codes can be read, and its terms are those of the paper."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo import Context, DataInfo, Draw, Pass, UserError
from ganzoo_vae.losses import NegativeELBO
from ganzoo_vae.model import VAE
from ganzoo_vae.priors import Gaussian, GaussianPrior

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
DATA = DataInfo("test", (1, 8, 8))


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def vae(data: DataInfo = DATA, codes: int = 4, **config: Any) -> VAE:
    prior = GaussianPrior(GaussianPrior.Config(size=codes), Context(data))
    settings = VAE.Config(**({"channels": (8, 16), "dense": (32,)} | config))
    return VAE(settings, Context(data, prior=prior))


def loss(**config: Any) -> NegativeELBO:
    return NegativeELBO("elbo", NegativeELBO.Config(**config), Context(DATA))


def blobs(n: int, seed: int) -> Tensor:
    """Images (n, 1, 8, 8) of a soft blob that is anywhere: two factors."""
    centres = 2 + 3 * torch.rand(n, 2, 1, 1, generator=torch.Generator().manual_seed(seed))
    cells = torch.arange(8.0)
    distance = (cells[:, None] - centres[:, 0]) ** 2 + (cells[None, :] - centres[:, 1]) ** 2
    return torch.exp(-distance / 2)[:, None]


def pass_at(model: VAE, nets: dict[str, nn.Module], step: int) -> Pass:
    draw = Draw(0, step, 0, 1, 64, CPU, model.context.prior, "elbo")
    (phase,) = model.phases()
    return phase.forward(nets, {"image": blobs(64, step)}, draw, {})


def train(model: VAE, steps: int) -> tuple[dict[str, nn.Module], list[float]]:
    """The networks after so many steps, and the loss of each."""
    nets = model.networks()
    weights = [weight for net in nets.values() for weight in net.parameters()]
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    objective, losses = loss().terms()["elbo"], []
    for step in range(steps):
        value = objective(pass_at(model, nets, step))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    return nets, losses


def recovered(model: VAE, nets: dict[str, nn.Module]) -> list[float]:
    """R2 of each code, read back from the images that were generated from it."""
    latents = model.context.prior.sample(500, generator=None, device=CPU)
    with torch.no_grad():
        codes = model.encode(nets, model.generate(nets, latents))
    return [1 - (codes[name] - latents.parts[name]).square().mean().item() for name in model.codes]


def test_it_learns_its_data_and_reads_its_codes_back() -> None:
    model = vae()
    untrained = sorted(recovered(model, model.networks()))
    nets, losses = train(model, 500)
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    # The data has two factors, so at least two of the four codes are left as they are drawn.
    trained = sorted(recovered(model, nets))
    assert trained[-1] > 0.6
    assert max(untrained[-1], trained[1]) < 0.15


def test_the_divergence_and_both_likelihoods_are_those_of_torch() -> None:
    model = vae()
    pass_ = pass_at(model, model.networks(), 0)
    posterior = torch.distributions.Normal(
        pass_.extra["mean"], (pass_.extra["log_variance"] / 2).exp()
    )
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1))
    logits, image = pass_.extra["logits"], pass_.batch["image"]
    bernoulli = torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(image)
    gaussian = torch.distributions.Normal(logits.sigmoid(), 1).log_prob(image)
    constant = image.numel() * math.log(2 * math.pi) / 2
    for likelihood, expected in (("bernoulli", bernoulli.sum()), ("gaussian", gaussian.sum())):
        value = loss(beta=4, likelihood=likelihood).negative_elbo(pass_) * len(image)
        without = constant if likelihood == "gaussian" else 0.0
        assert torch.isclose(value, 4 * divergence.sum() - expected - without, rtol=1e-4)


def test_a_code_is_one_column_and_its_likelihood_that_of_a_gaussian() -> None:
    prior = vae().context.prior
    latents = prior.sample(50, generator=torch.Generator().manual_seed(1), device=CPU)
    moved = prior.replace(latents, "z2", torch.full((50,), 2.0))
    changed = (moved.flat != latents.flat).any(0)
    assert changed.tolist() == [False, True, False, False]
    assert (moved.parts["z2"] == 2).all()
    outputs, values = torch.randn(20, 2), torch.randn(20)
    normal = torch.distributions.Normal(outputs[:, 0], (outputs[:, 1] / 2).exp())
    assert torch.allclose(Gaussian().nll(outputs, values), -normal.log_prob(values), atol=1e-5)
    assert torch.isclose(torch.tensor(Gaussian.entropy), torch.distributions.Normal(0, 1).entropy())


def test_what_does_not_fit_is_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="a side that 4 divides") as caught:
        vae(DataInfo("test", (1, 30, 30)))
    assert "28" in str(caught.value.hint)
    with pytest.raises(UserError, match="standard normal prior"):
        VAE(VAE.Config(), Context(DATA))
    with pytest.raises(ValueError, match="mostly from -2 to 2"):
        Gaussian().parse("much")


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 32, 32)])
def test_networks_fit_other_shapes(shape: tuple[int, int, int]) -> None:
    model = vae(DataInfo("test", shape), channels=(8, 8, 8))
    nets = model.networks()
    latents = model.context.prior.sample(2, generator=None, device=CPU)
    image = model.generate(nets, latents)["image"]
    assert image.shape == (2, *shape)
    assert model.encode(nets, {"image": image})["z1"].shape == (2,)


def test_the_command_line_trains_it_and_scores_its_codes(tmp_path: Path) -> None:
    words = ["run", "vae", "--preset", "dsprites", "--data", "cdsprites", "--steps", "2"]
    small = ["model.channels=[8, 8, 8, 8]", "model.dense=[16]", "prior.size=3"]
    given = [word for setting in small for word in ("--set", setting)]
    command = [sys.executable, "-m", "ganzoo", *words, *given, "--out", str(tmp_path), "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    scores = json.loads(finished.stdout)["scores"]
    assert {"r2/z1", "mi_nats/z3"} <= set(scores)
    assert (tmp_path / "traversal.png").is_file()
