"""Draws are functions of seed, step, phase and repeat, and are shared out between ranks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ganzoo.draw import Draw, mix

CPU = torch.device("cpu")
DRAW = Draw(seed=1, step=2, rank=0, world=1, batch_size=8, device=CPU, phase="critic")


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"step": 3}, {"phase": "generator"}, {"repeat": 1}]
)
def test_a_draw_depends_on_each_of_its_coordinates(change: dict[str, object]) -> None:
    assert torch.equal(replace(DRAW).normal(8, 3), replace(DRAW).normal(8, 3))
    assert not torch.equal(replace(DRAW).normal(8, 3), replace(DRAW, **change).normal(8, 3))


def test_two_draws_of_one_phase_differ() -> None:
    draw = replace(DRAW)
    assert not torch.equal(draw.uniform(8), draw.uniform(8))


@pytest.mark.parametrize(("kind", "bound"), [("uniform", ()), ("normal", ()), ("integers", (5,))])
def test_ranks_hold_the_slices_of_what_one_process_draws(kind: str, bound: tuple[int, ...]) -> None:
    whole = getattr(replace(DRAW), kind)(*bound, 8, 2)
    halves = [
        getattr(replace(DRAW, rank=rank, world=2, batch_size=4), kind)(*bound, 4, 2)
        for rank in (0, 1)
    ]
    assert torch.equal(torch.cat(halves), whole)


def test_integers_stay_below_their_bound() -> None:
    drawn = replace(DRAW).integers(3, 8, 100)
    assert set(drawn.unique().tolist()) == {0, 1, 2}


def test_seeds_are_mixed_the_same_everywhere() -> None:
    assert mix(0, "weights") == 5087778715007104936
    assert mix(1, 23) != mix(12, 3)
