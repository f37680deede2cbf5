"""What all ranks do as one, as a single one of them sees it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from ganzoo import distributed
from ganzoo.distributed import together, unreached
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def other_rank(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """``other_rank(error)``: the next block is one in which another rank fails so."""

    def fails(error: Exception) -> None:
        with pytest.raises(type(error)), together():
            raise error
        monkeypatch.setattr(distributed, "gather_object", lambda own: [*told, *own])

    told: list[Any] = []

    def listen(own: list[Any]) -> list[Any]:
        told.extend(own)
        return own

    monkeypatch.setattr(distributed, "gather_object", listen)
    return fails


def test_a_block_in_which_nobody_fails_is_left() -> None:
    with together():
        reached = True
    assert reached


def test_a_full_disk_of_one_rank_is_told_on_all(other_rank: Callable[[Exception], None]) -> None:
    other_rank(OSError(errno.ENOSPC, "No space left on device", "state.pt"))
    with pytest.raises(OSError, match="No space left") as caught, together():
        pass
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "state.pt")


def test_what_one_rank_tells_its_user_is_told_on_all(
    other_rank: Callable[[Exception], None],
) -> None:
    other_rank(UserError("4 of 8 images are broken", hint="Remove them."))
    with pytest.raises(UserError) as caught, together():
        pass
    assert (caught.value.what, caught.value.hint) == ("4 of 8 images are broken", "Remove them.")


def test_of_two_ranks_that_fail_each_keeps_its_own(
    other_rank: Callable[[Exception], None],
) -> None:
    other_rank(UserError("theirs"))
    with pytest.raises(UserError, match="ours"), together():
        raise UserError("ours")


def test_what_a_loss_does_not_depend_on_is_found() -> None:
    trunk, head, other = nn.Linear(2, 2), nn.Linear(2, 1), nn.Linear(2, 1)
    parameters = [each for net in (trunk, head, other) for each in net.parameters()]
    features = trunk(torch.ones(1, 2))
    loss = features.sum() + features.square().sum()
    assert unreached(loss, parameters) == [*head.parameters(), *other.parameters()]
    assert unreached(loss + head(features).sum(), parameters) == [*other.parameters()]
    assert unreached(loss.detach(), parameters) == parameters


def test_a_normalisation_is_synchronised_as_torch_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with the same half of a batch have the statistics of that half."""
    torch.manual_seed(0)
    images = torch.randn(8, 3, 4, 4)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "mean", lambda tensor: tensor)
    for momentum in (0.1, None):
        plain = nn.BatchNorm2d(3, momentum=momentum)
        twice = nn.BatchNorm2d(3, momentum=momentum)
        ours = distributed.synchronise_batchnorm(twice, torch.device("cpu"))
        assert ours is not twice
        for factor in (1.0, 2.0):
            both = torch.cat([images, images]) * factor
            assert torch.allclose(ours(images * factor), plain(both)[:8], atol=1e-5)
        for name, buffer in plain.named_buffers():
            assert torch.allclose(ours.get_buffer(name), buffer, atol=1e-5), name


def test_a_normalisation_that_rests_goes_on_resting() -> None:
    frozen = nn.Sequential(nn.BatchNorm1d(2)).eval()
    [replaced] = distributed.synchronise_batchnorm(frozen, torch.device("cpu"))
    assert not replaced.training
