"""The order of the data, and the range of a model."""

from __future__ import annotations

import pytest
import torch

from ganzoo import UserError
from ganzoo.data import Order, normalise, to_uint8


def test_order_is_a_pure_function_of_seed_and_position():
    whole = Order(7, seed=3).indices(0, 50)
    assert torch.equal(Order(7, seed=3).indices(11, 20), whole[11:31])
    backwards = Order(7, seed=3)
    parts = [backwards.indices(start, 10) for start in (40, 30, 20, 10, 0)]
    assert torch.equal(torch.cat(parts[::-1]), whole)
    assert not torch.equal(Order(7, seed=4).indices(0, 50), whole)


def test_each_epoch_has_every_image_once_in_an_order_of_its_own():
    epochs = Order(50, seed=0).indices(0, 150).reshape(3, 50)
    assert all(epoch.sort().values.tolist() == list(range(50)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_larger_than_the_data_is_several_epochs():
    batch = Order(3, seed=0).indices(0, 8)
    assert batch.bincount().tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
    assert batch.dtype == torch.int64


def test_slices_of_ranks_are_disjoint_and_make_the_global_batch():
    order = Order(100, seed=1)
    slices = [order.indices(24 + 6 * rank, 6) for rank in range(2)]
    assert torch.equal(torch.cat(slices), order.indices(24, 12))
    assert not set(slices[0].tolist()) & set(slices[1].tolist())


def test_order_draws_nothing_from_the_default_generator():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Order(10, seed=0).indices(0, 30)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_order_of_nothing_is_refused():
    with pytest.raises(UserError, match="no images"):
        Order(0, seed=0)


@pytest.mark.parametrize("image_range", [(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5)])
def test_every_byte_survives_the_range_of_a_model(image_range):
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    batch = normalise({"image": image, "label": torch.tensor([3])}, image_range)
    assert batch["image"].dtype == torch.float32
    assert (batch["image"].min(), batch["image"].max()) == image_range
    assert batch["label"].dtype == torch.int64
    assert torch.equal(to_uint8(batch["image"], image_range), image)
    assert image[0, 0, 15, 15] == 255


def test_values_beyond_the_range_are_clamped():
    assert to_uint8(torch.tensor([-9.0, 9.0]), (-1, 1)).tolist() == [0, 255]
