"""What is measured of lines that are drawn here."""

import numpy as np
import pytest
import torch
from drawn_lines import line

from ganzoo_evaluation import measures
from ganzoo_evaluation.measures import ink_mass, slant_degrees, stroke_width


@pytest.mark.parametrize("slant", [-30, -10, 0, 15, 25])
def test_the_slant_of_a_line_is_measured_in_degrees_to_the_right(slant):
    assert slant_degrees(line(slant)[None])[0] == pytest.approx(slant, abs=1.5)


def test_the_slant_does_not_depend_on_place_or_brightness():
    moved = torch.roll(line(15), (2, -3), (1, 2))
    both = torch.stack([moved.float() / 255, line(15).float() / 510])
    assert slant_degrees(both) == pytest.approx(slant_degrees(line(15)[None]).repeat(2), abs=1e-4)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
def test_the_width_of_a_line_is_measured_in_pixels(width):
    assert stroke_width(line(width=width)[None])[0] == pytest.approx(width, abs=0.4)


def test_a_turned_line_keeps_its_width_and_a_thicker_one_its_slant():
    turned = torch.stack([line(slant, 3) for slant in (-25, 0, 25)])
    assert np.ptp(stroke_width(turned)) < 0.5
    thicker = torch.stack([line(15, width) for width in (2, 3, 4, 5)])
    assert np.ptp(slant_degrees(thicker)) < 2
    assert np.all(np.diff(stroke_width(thicker)) > 0.5)
    assert np.all(np.diff(ink_mass(thicker)) > 0)


def test_strokes_that_touch_the_edge_end_there():
    band = torch.zeros(1, 1, 28, 28)
    band[..., :4, :] = 1
    assert stroke_width(band)[0] == pytest.approx(4, abs=0.3)


def test_an_empty_image_has_no_width_no_slant_and_no_ink():
    empty = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    for measure in (stroke_width, slant_degrees, ink_mass):
        assert measure(empty).tolist() == [0, 0]


def square(top, left, height, width, ink=255, ground=0):
    image = torch.full((1, 1, 28, 28), ground, dtype=torch.uint8)
    image[..., top : top + height, left : left + width] = ink
    return image


def test_a_figure_is_what_differs_from_the_border_whatever_its_colour():
    dark_on_light = square(10, 10, 6, 6, ink=55, ground=255).expand(1, 3, 28, 28)
    light_on_dark = square(10, 10, 6, 6, ink=200)
    assert torch.allclose(measures.figure(dark_on_light), measures.figure(light_on_dark))


def test_place_is_measured_from_the_middle_to_the_right_and_upwards():
    image = square(top=4, left=18, height=4, width=4)
    assert measures.place_right(image)[0] == pytest.approx(19.5 - 13.5)
    assert measures.place_up(image)[0] == pytest.approx(13.5 - 5.5)


def test_size_grows_with_the_figure_and_not_with_its_ink():
    small, large = square(12, 12, 4, 4), square(8, 8, 12, 12)
    assert measures.size(large)[0] == pytest.approx(((144 - 1) / 6) ** 0.5)
    assert measures.size(small)[0] < measures.size(large)[0]
    pale = square(8, 8, 12, 12, ink=60)
    assert measures.size(pale) == pytest.approx(measures.size(large))


def test_a_wide_figure_has_an_aspect_above_one():
    assert measures.aspect(square(12, 4, 4, 20))[0] > 4
    assert measures.aspect(square(4, 4, 20, 20))[0] == pytest.approx(1)


def test_an_empty_image_has_no_place_size_or_aspect():
    empty = torch.zeros(1, 3, 28, 28, dtype=torch.uint8)
    assert (
        measures.size(empty)[0] == measures.aspect(empty)[0] == measures.brightness(empty)[0] == 0
    )
    assert np.isfinite(measures.place_right(empty)).all()
