"""dSprites as it is drawn here, held against what was measured on the original."""

from __future__ import annotations

import math

import pytest
import torch

from ganzoo_bundled.dsprites import DSprites

SOURCE = DSprites()
SQUARE, ELLIPSE, HEART = range(3)


def sprites(*factors):
    return SOURCE.gather(SOURCE.places(torch.tensor(factors)))["image"][:, 0] > 0


def centre(sprite):
    """(x, y) of the mass in pixels, where pixel j covers j to j + 1."""
    rows, columns = sprite.nonzero().float().unbind(1)
    return columns.mean().item() + 0.5, rows.mean().item() + 0.5


def of_shape(shape, scale=5):
    """All turns at places all over the image."""
    return sprites(*((shape, scale, turn, turn * 7 % 32, turn * 11 % 32) for turn in range(40)))


def test_pixels_are_empty_or_full():
    assert SOURCE.gather(torch.arange(0, 737_280, 5_003))["image"].unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("shape", "low", "high", "mean"),
    [(SQUARE, 360, 400, 368.6), (ELLIPSE, 282, 296, 289.5), (HEART, 217, 233, 225)],
)
def test_areas_at_full_scale_are_those_of_the_original(shape, low, high, mean):
    areas = of_shape(shape).sum((1, 2)).float()
    assert low <= areas.min() <= areas.max() <= high
    assert areas.mean() == pytest.approx(mean, abs=2.5)


def test_an_upright_square_at_full_scale_has_400_pixels():
    assert sprites((SQUARE, 5, 0, 0, 0)).sum() == 400


def test_scale_runs_evenly_from_a_half_to_one():
    areas = torch.stack([of_shape(SQUARE, scale).sum((1, 2)).float().mean() for scale in range(6)])
    sides = areas.sqrt() / 19.2
    assert torch.allclose(sides, torch.linspace(0.5, 1, 6), atol=0.01)


def test_the_last_orientation_is_the_first_and_no_other_is():
    for shape in range(3):
        for place in (0, 13, 31):
            turns = sprites(*((shape, 3, turn, place, 31 - place) for turn in range(40)))
            assert torch.equal(turns[0], turns[39])
        hearts = {bytes(turn.flatten().numpy()) for turn in turns[:39]}
        assert len(hearts) == 39 or shape != HEART


def test_centres_run_from_16_to_48_pixels_right_and_down():
    for index in (0, 1, 16, 31):
        x, y = centre(sprites((ELLIPSE, 5, 0, index, 31 - index))[0])
        assert x == pytest.approx(16 + 32 * index / 31, abs=0.3)
        assert y == pytest.approx(48 - 32 * index / 31, abs=0.3)


def test_no_sprite_touches_the_border():
    corners = [(x, y) for x in (0, 31) for y in (0, 31)]
    for shape in range(3):
        images = sprites(*((shape, 5, turn, x, y) for turn in range(40) for x, y in corners))
        assert not images[:, [0, 63]].any()
        assert not images[:, :, [0, 63]].any()


def test_the_ellipse_lies_and_turns_counter_clockwise_as_displayed():
    for turn in (0, 3, 8, 16):
        rows, columns = sprites((ELLIPSE, 5, turn, 16, 16))[0].nonzero().double().unbind(1)
        right, up = columns - columns.mean(), rows.mean() - rows
        tilt = math.atan2(2 * (right * up).mean(), (right**2 - up**2).mean()) / 2
        assert math.remainder(tilt - 2 * math.pi * turn / 39, math.pi) == pytest.approx(0, abs=0.05)


def test_the_heart_stands_on_its_tip_and_has_two_bumps():
    heart = sprites((HEART, 5, 0, 16, 16))[0]
    rows = heart.any(1).nonzero()[:, 0]
    assert heart[rows[-2:]].sum(1).max() <= 4
    top = heart[rows[1]].int()
    assert (top.diff() == 1).sum() == 2
    assert heart[rows[len(rows) // 3]].sum() > 17
    # A quarter of a turn counter-clockwise (10 of 39 is a little more) takes the tip to the right.
    columns = sprites((HEART, 5, 10, 16, 16))[0].any(0).nonzero()[:, 0]
    turned = sprites((HEART, 5, 10, 16, 16))[0]
    assert turned[:, columns[-2:]].sum(0).max() <= 6
    assert turned[:, columns[1:3]].sum(0).min() > 6
