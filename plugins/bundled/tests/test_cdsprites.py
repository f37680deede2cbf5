"""Discs at every angle and radius."""

from __future__ import annotations

import math

import pytest
import torch

from ganzoo_bundled.cdsprites import CDSprites

SOURCE = CDSprites()


def test_every_disc_has_its_area_and_is_full_or_empty():
    images = SOURCE.gather(torch.arange(len(SOURCE)))["image"]
    assert images.unique().tolist() == [0, 255]
    areas = (images > 0).sum((1, 2, 3)).float()
    assert areas.mean() == pytest.approx(math.pi * 25, rel=0.01)
    assert (areas - math.pi * 25).abs().max() < 10


def test_a_disc_lies_at_its_angle_clockwise_and_its_radius():
    for angle, radius in [(0, 26), (10, 26), (20, 13), (30, 5), (5, 20), (7, 0)]:
        index = SOURCE.places(torch.tensor([[angle, radius]]))
        rows, columns = SOURCE.gather(index)["image"][0, 0].nonzero().double().unbind(1)
        turn = 2 * math.pi * angle / 40
        assert columns.mean() + 0.5 == pytest.approx(32 + radius * math.cos(turn), abs=0.2)
        assert rows.mean() + 0.5 == pytest.approx(32 + radius * math.sin(turn), abs=0.2)
