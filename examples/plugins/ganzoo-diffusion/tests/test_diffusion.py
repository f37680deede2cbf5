"""The diffusion model learns its data, and its sampler is that of the papers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo import Context, DataInfo, Draw, Latents, UserError
from ganzoo_diffusion.losses import NoisePrediction
from ganzoo_diffusion.model import Diffusion
from ganzoo_diffusion.priors import ImageNoise
from ganzoo_diffusion.schedule import signal_left

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CPU = torch.device("cpu")
DATA = DataInfo("test", (1, 4, 4))


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def diffusion(data: DataInfo = DATA, **config: Any) -> Diffusion:
    prior = ImageNoise(ImageNoise.Config(), Context(data))
    settings = Diffusion.Config(**({"widths": (16, 32), "sampling_steps": 20} | config))
    return Diffusion(settings, Context(data, prior=prior))


def bars(n: int, seed: int) -> Tensor:
    """Images (n, 1, 4, 4) of -1 with one row of 1."""
    rows = torch.randint(4, (n,), generator=torch.Generator().manual_seed(seed))
    images = torch.full((n, 1, 4, 4), -1.0)
    images[torch.arange(n), 0, rows] = 1
    return images


def train(model: Diffusion, steps: int) -> dict[str, nn.Module]:
    nets = model.networks()
    optimiser = torch.optim.Adam(nets["denoiser"].parameters(), lr=3e-3)
    objective = NoisePrediction("noise_prediction", None, model.context).terms()["denoise"]
    (phase,) = model.phases()
    for step in range(steps):
        draw = Draw(0, step, 0, 1, 64, CPU, model.context.prior, "denoise")
        value = objective(phase.forward(nets, {"image": bars(64, step)}, draw, {}))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return nets


def sampled(
    model: Diffusion, nets: Mapping[str, Callable[..., Any]], n: int = 64, seed: int = 3
) -> Tensor:
    latents = model.context.prior.sample(n, generator=torch.Generator().manual_seed(1), device=CPU)
    with torch.no_grad():
        return model.generate(nets, latents, torch.Generator().manual_seed(seed))["image"]


def bars_among(images: Tensor) -> tuple[float, int]:
    """The share of images that are bars but for little noise, and how many of the four appear."""
    distance = (images[:, None] - BARS).flatten(2).abs().mean(2)
    nearest = distance.min(1)
    hits = nearest.values < 0.1
    return hits.float().mean().item(), len(nearest.indices[hits].unique())


BARS = torch.stack(
    [torch.full((1, 4, 4), -1.0).index_fill(1, torch.tensor(i), 1) for i in range(4)]
)


def test_it_samples_its_data_and_untrained_does_not() -> None:
    model = diffusion()
    assert bars_among(sampled(model, model.networks()))[0] == 0
    nets = train(model, 250)
    for eta in (0.0, 1.0):
        share, different = bars_among(sampled(diffusion(eta=eta), nets))
        assert share > 0.5
        assert different == 4


def test_with_the_true_noise_sampling_ends_in_the_image_at_any_number_of_steps() -> None:
    image = bars(8, 0)

    for sampling_steps in (1, 2, 6, 7, 1000):
        for eta in (0.0, 1.0):
            model = diffusion(sampling_steps=sampling_steps, eta=eta)
            left = signal_left("cosine", 1000, CPU)

            def noise(images: Tensor, steps: Tensor, left: Tensor = left) -> Tensor:
                share = left[steps, None, None, None]
                return (images - share.sqrt() * image) / (1 - share).sqrt()

            assert torch.allclose(sampled(model, {"denoiser": noise}, n=8), image, atol=1e-3)


def test_ancestral_sampling_of_every_step_has_the_posterior_of_ho_et_al() -> None:
    model = diffusion(steps=10, sampling_steps=10, eta=1.0)
    left = signal_left("cosine", 10, CPU)
    images = torch.randn(1, 1, 4, 4)
    # From step 5 to step 4, with an image that is foreseen to be 0.5 everywhere.
    seen: list[Tensor] = []

    def foresees_half(noisy: Tensor, steps: Tensor) -> Tensor:
        seen.append(noisy)
        share = left[steps, None, None, None]
        return (noisy - share.sqrt() * 0.5) / (1 - share).sqrt()

    many = Latents(images.expand(20_000, -1, -1, -1).flatten(1), {})
    model.generate({"denoiser": foresees_half}, many, torch.Generator().manual_seed(2))
    before, after = left[5], left[4]
    added = 1 - before / after
    mean = (
        after.sqrt() * added / (1 - before) * 0.5
        + (1 - added).sqrt() * (1 - after) / (1 - before) * seen[4]
    )
    variance = (1 - after) / (1 - before) * added  # eq. 7
    rest = seen[5] - mean
    assert rest.mean().abs() < 0.01
    assert rest.var() == pytest.approx(variance.item(), rel=0.02)


def test_fresh_noise_comes_from_the_generator_alone() -> None:
    nets = diffusion().networks()
    ancestral, implicit = diffusion(eta=1.0), diffusion(eta=0.0)
    assert torch.equal(sampled(ancestral, nets, seed=1), sampled(ancestral, nets, seed=1))
    assert not torch.equal(sampled(ancestral, nets, seed=1), sampled(ancestral, nets, seed=2))
    assert torch.equal(sampled(implicit, nets, seed=1), sampled(implicit, nets, seed=2))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [50, 1000])
def test_noise_takes_over_from_first_to_last_step(schedule: Any, steps: int) -> None:
    left = signal_left(schedule, steps, CPU)
    assert (left.diff() < 0).all()
    assert left[0] > 0.98
    assert 0 < left[-1] < 1e-3


def test_the_linear_schedule_is_the_papers() -> None:
    left = signal_left("linear", 1000, CPU)
    assert left[0] == pytest.approx(1 - 1e-4)
    assert left[1] / left[0] == pytest.approx(1 - (1e-4 + (0.02 - 1e-4) / 999))


def test_what_does_not_fit_is_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="one that 2 divides") as caught:
        diffusion(DataInfo("test", (1, 31, 31)))
    assert "30" in str(caught.value.hint)
    with pytest.raises(UserError, match="a prior as large"):
        Diffusion(Diffusion.Config(), Context(DATA))
    with pytest.raises(ValueError, match="multiples of 8"):
        Diffusion.Config(widths=(12,))
    with pytest.raises(ValueError, match="cannot exceed"):
        Diffusion.Config(steps=10)


def test_colour_and_other_sides_fit() -> None:
    model = diffusion(DataInfo("test", (3, 16, 16)), widths=(8, 8, 16), sampling_steps=2)
    assert sampled(model, model.networks(), n=2).shape == (2, 3, 16, 16)
