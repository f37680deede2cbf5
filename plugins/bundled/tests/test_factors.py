"""What holds for every data set with factors."""

from __future__ import annotations

from math import prod

import pytest
import torch

from ganzoo.data import FactorSource
from ganzoo_bundled.cdsprites import cdsprites
from ganzoo_bundled.chairs3d import chairs3d
from ganzoo_bundled.dsprites import dsprites
from ganzoo_bundled.heads3d import heads3d

SIZES = {dsprites: 737_280, cdsprites: 1_080, heads3d: 53_361, chairs3d: 10_240}

each = pytest.mark.parametrize(
    "source", [make("train") for make in SIZES], ids=lambda s: s.__module__
)


def some(source, count=150):
    """Indices spread over the whole source."""
    return torch.arange(count) * 7919 % len(source)


@pytest.mark.parametrize(("make", "size"), SIZES.items())
def test_there_is_an_image_of_every_combination(make, size):
    source = make("train")
    assert isinstance(source, FactorSource)
    assert len(source) == prod(source.factor_sizes) == size
    assert len(source.factor_names) == len(source.factor_sizes)


@each
def test_index_and_factors_undo_each_other_and_the_last_factor_is_the_fastest(source):
    indices = torch.cat([some(source), torch.tensor([0, 1, len(source) - 1])])
    factors = source.factors(indices)
    assert factors.dtype == torch.int64
    assert torch.equal(source.places(factors), indices)
    assert factors[-3].tolist() == [0] * len(source.factor_sizes)
    assert factors[-2].tolist() == [0] * (len(source.factor_sizes) - 1) + [1]
    assert factors[-1].tolist() == [size - 1 for size in source.factor_sizes]


@each
def test_what_lies_outside_is_refused(source):
    for index in (-1, len(source)):
        with pytest.raises(IndexError):
            source.factors(torch.tensor([index]))
    with pytest.raises(IndexError):
        source.places(torch.tensor([source.factor_sizes]))


@each
def test_a_batch_has_images_factors_and_labels_of_the_right_kind(source):
    indices = some(source)
    batch = source.gather(indices)
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].shape == (len(indices), *source.image_shape)
    assert torch.equal(batch["factors"], source.factors(indices))
    if source.classes is None:
        assert "label" not in batch
    else:
        assert batch["label"].dtype == torch.int64
        assert batch["label"].unique().tolist() == list(range(len(source.classes)))
    assert source.gather(indices[:0])["image"].shape == (0, *source.image_shape)


@each
def test_an_image_hangs_on_its_index_alone(source):
    indices = some(source)
    before = torch.get_rng_state()
    images = source.gather(indices)["image"]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(source.gather(indices.flip(0))["image"].flip(0), images)
    for place in {*range(0, len(indices), 37), len(indices) - 1}:
        alone = source.gather(indices[place : place + 1])["image"]
        assert torch.equal(alone[0], images[place])


@each
def test_every_factor_changes_the_image_and_nothing_touches_the_border(source):
    for column, size in enumerate(source.factor_sizes):
        factors = torch.tensor([[number // 2 for number in source.factor_sizes]] * 2)
        factors[0, column], factors[1, column] = 0, size // 2
        first, second = source.gather(source.places(factors))["image"]
        assert not torch.equal(first, second), source.factor_names[column]
    images = source.gather(some(source, 400))["image"]
    border = torch.cat([images[..., [0, -1], :].flatten(), images[..., :, [0, -1]].flatten()])
    assert len(border.unique()) == 1
