"""A code that is moved, and what a measure makes of it."""

import numpy as np
import pytest
import torch
from drawn_lines import LineModel, prior_of

from ganzoo_evaluation.traversing import effect, traversal


def test_an_effect_is_counted_by_rank_and_without_sign():
    values = np.linspace(-1, 1, 11)
    found = effect(values, np.stack([values**3, -values, values, np.zeros(11)]))
    assert found.median == pytest.approx(1)
    assert found.share == 0.75
    assert found.reach == pytest.approx(1)


def test_categories_come_round_evenly_and_those_of_two_codes_in_all_pairs():
    shown = []

    class Model(LineModel):
        def generate(self, latents, seed=0):
            shown.append(latents.parts)
            return torch.zeros(len(latents.flat), 1, 2, 2)

    codes = {"first": "categorical(3)", "second": "categorical(3)", "lean": "uniform(-1, 1)"}
    images = traversal(Model(prior=prior_of(**codes)), "lean", [-1.0, 0.0, 1.0], 90)
    assert (images.shape, images.dtype) == ((270, 1, 2, 2), torch.uint8)
    one, two, three = shown
    assert [parts["lean"].unique().tolist() for parts in shown] == [[-1], [0], [1]]
    for name in ("first", "second", "noise"):
        assert torch.equal(one[name], two[name])
        assert torch.equal(two[name], three[name])
    assert one["first"].bincount().tolist() == one["second"].bincount().tolist() == [30, 30, 30]
    assert len(set(zip(one["first"].tolist(), one["second"].tolist(), strict=True))) == 9
