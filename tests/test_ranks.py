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
