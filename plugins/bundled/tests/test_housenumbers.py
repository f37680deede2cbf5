"""House numbers of MNIST digits."""

from __future__ import annotations

import pytest
import torch

from ganzoo.data import ImageSource
from ganzoo_bundled.housenumbers import HouseNumbers, _colour, _ink, _ramp
from ganzoo_bundled.parquet import mnist

SOURCE = HouseNumbers("test")
INDICES = torch.arange(1_000)


@pytest.fixture(scope="module")
def batch():
    return SOURCE.gather(INDICES)


def test_splits_are_as_long_as_mnists_and_images_keep_their_labels(batch):
    assert isinstance(SOURCE, ImageSource)
    assert len(SOURCE) == 10_000
    assert len(HouseNumbers("train")) == 60_000
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].shape == (1_000, *SOURCE.image_shape)
    assert batch["label"].tolist() == mnist("test")["label"][:1_000]
    assert SOURCE.gather(INDICES[:0])["image"].shape == (0, 3, 32, 32)


def test_an_image_hangs_on_its_index_alone(batch):
    before = torch.get_rng_state()
    again = SOURCE.gather(torch.tensor([700, 3, 3]))
    assert torch.equal(torch.get_rng_state(), before)
    for name, values in batch.items():
        assert torch.equal(again[name], values[[700, 3, 3]]), name
    assert torch.equal(HouseNumbers("test").gather(INDICES[:5])["image"], batch["image"][:5])


def test_light_is_even_and_makes_images_brighter(batch):
    light, brightness = batch["light"], batch["image"].float().mean((1, 2, 3))
    assert -1 <= light.min() < -0.98
    assert 0.98 < light.max() < 1
    assert light.mean().abs() < 0.1
    assert torch.stack([light, brightness]).corrcoef()[0, 1] > 0.5


def test_some_digits_stand_alone_and_neighbours_are_of_all_kinds(batch):
    beside = batch["beside"]
    assert beside.shape == (1_000, 2)
    alone = (beside == -1).float().mean(0)
    assert (alone - 0.4).abs().max() < 0.06
    assert beside.unique().tolist() == list(range(-1, 10))


def test_the_digit_is_in_the_middle_and_neighbours_on_their_side():
    digits = torch.zeros(4, 3, 28, 28, dtype=torch.uint8)
    digits[:, :, 4:24, 8:20] = 255
    digits[3] = 0
    seen = torch.tensor([[False, False], [True, False], [False, True], [True, True]])
    ink = _ink(digits, seen, torch.full((4, 7), 0.5)).amax(1)
    rows, columns = ink[0].nonzero().float().unbind(1)
    assert rows.mean() == pytest.approx(15.5, abs=0.1)
    assert columns.mean() == pytest.approx(15.5, abs=0.1)
    assert ink[0].any(1).sum() == pytest.approx(20 * 1.275, abs=2)
    left, right = ink[1] - ink[0], ink[2] - ink[0]
    assert left[:, :8].sum() > 50
    assert left[:, 16:].abs().max() == 0
    assert right[:, 24:].sum() > 50
    assert right[:, :16].abs().max() == 0
    assert ink[3].max() == 0


def test_digits_stand_out_from_the_wall_in_every_image():
    ink = torch.zeros(200, 1, 32, 32)
    ink[:, :, 8:24, 14:18] = 1
    chance = torch.linspace(0, 1, 200)[:, None] * torch.tensor([1, 7, 3, 5, 2, 9, 4, 6]) % 1
    colour = _colour(ink, chance).mean(1)
    assert 0 <= colour.min() < colour.max() <= 1
    assert (colour[:, 16, 16] - colour[:, 0, 0]).abs().min() > 0.2


def test_the_ramp_keeps_the_mean_and_grows_evenly():
    ramp = _ramp(torch.tensor([[0.0, 0.999], [0.25, 0.999]]))[:, 0]
    assert torch.allclose(ramp.mean((1, 2)), torch.ones(2), atol=1e-5)
    assert ramp[0, 0, -1] - ramp[0, 0, 0] == pytest.approx(0.58, abs=0.01)
    assert ramp[0, 0, 5] == pytest.approx(ramp[0, 31, 5].item())
    assert ramp[1, -1, 0] - ramp[1, 0, 0] == pytest.approx(0.58, abs=0.01)


def test_only_digits_that_can_be_seen_are_named_beside(batch):
    named = batch["beside"] != -1
    edges = torch.stack([batch["image"][..., :4], batch["image"][..., -4:]], dim=1).float()
    # Where nothing stands beside the digit, the strip at that edge is a wall in even light.
    roughness = edges.diff(dim=-2).abs().amax(dim=(2, 3, 4))
    assert roughness[~named].mean() < 0.6 * roughness[named].mean()
