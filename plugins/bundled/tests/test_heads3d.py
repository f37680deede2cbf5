"""Heads: each factor does what its name says."""

from __future__ import annotations

import pytest
import torch

from ganzoo_bundled.heads3d import Heads3D, render

SOURCE = Heads3D()
BACKGROUND = 10


def head(azimuth=0.0, elevation=0.0, light=0.0, width=1.0, traits=0.5):
    """One head as integers (32, 32)."""
    return render(
        azimuth=torch.tensor([azimuth]),
        elevation=torch.tensor([elevation]),
        light=torch.tensor([light]),
        width=torch.tensor([width]),
        traits=torch.full((1, 8), traits) if isinstance(traits, float) else traits,
    )[0, 0].int()


def columns(image):
    """Left and right end of the head, and so how far its nose reaches."""
    found = (image > BACKGROUND).any(0).nonzero()[:, 0]
    return found[0].item(), found[-1].item()


def test_a_mirrored_head_in_mirrored_light_is_the_mirrored_image():
    for azimuth, elevation, light in [(1.2, 0.3, -0.4), (0.0, 0.0, 1.2), (0.5, -0.5, 0.9)]:
        image = head(azimuth, elevation, light)
        mirrored = head(-azimuth, elevation, -light)
        assert (image - mirrored.flip(1)).abs().max() <= 1
        assert (image - mirrored).abs().max() > 50


def test_the_side_towards_the_light_is_brighter():
    sums = [head(light=light)[:, :16].sum() / head(light=light).sum() for light in (-1.2, 0, 1.2)]
    assert sums[0] > 0.6
    assert sums[1] == pytest.approx(0.5, abs=1e-3)
    assert sums[2] < 0.4


def test_the_light_stays_where_it_is_when_the_head_turns():
    for azimuth in (-1.2, 1.2):
        image = head(azimuth=azimuth, light=-1.2)
        left, right = columns(image)
        middle = (left + right) // 2
        assert image[:, :middle].sum() > image[:, middle:].sum()


def test_azimuth_turns_the_nose_from_left_to_right():
    reaches = [columns(head(azimuth=azimuth)) for azimuth in (-1.2, 0, 1.2)]
    assert reaches[0][0] < reaches[1][0]
    assert reaches[2][1] > reaches[1][1]


def test_elevation_lifts_the_nose():
    rows = []
    for elevation in (-0.5, 0.0, 0.5):
        image = head(azimuth=1.2, elevation=elevation, light=1.2)
        tip = (image[:, columns(image)[1] - 1] > BACKGROUND).nonzero()
        rows.append(tip.double().mean().item())
    assert rows[0] > rows[1] + 1 > rows[2] + 2


def test_a_wider_head_covers_more_columns_but_no_more_rows():
    narrow, wide = head(width=0.75) > BACKGROUND, head(width=1.2) > BACKGROUND
    assert narrow.any(0).sum() * 1.4 < wide.any(0).sum()
    assert narrow.any(1).sum() == wide.any(1).sum()


def test_a_face_has_two_dark_eyes_and_a_mouth_on_bright_skin():
    image = head()
    skin = image[11, 16]
    eyes = image[14]
    dark = (eyes < skin // 2) & (eyes > 0)
    between = (dark.int().diff() == 1).sum()
    assert between >= 2
    assert image[22:25, 16].min() < skin // 2


def test_every_trait_changes_the_head():
    middle = head(azimuth=0.6)
    for trait in range(8):
        traits = torch.full((1, 8), 0.5)
        traits[0, trait] = 0.0
        assert (head(azimuth=0.6, traits=traits) - middle).abs().max() > 8, trait


def test_factors_run_from_the_first_value_to_the_last():
    widest = SOURCE.gather(SOURCE.places(torch.tensor([[10, 5, 10, 10], [10, 5, 10, 0]])))["image"]
    assert (columns(widest[0, 0])[0], columns(widest[1, 0])[0]) == (2, 7)
    turned = SOURCE.gather(SOURCE.places(torch.tensor([[0, 5, 10, 5], [20, 5, 10, 5]])))["image"]
    assert columns(turned[0, 0])[0] < 32 - 1 - columns(turned[0, 0])[1]
    assert columns(turned[1, 0])[0] > 32 - 1 - columns(turned[1, 0])[1]
    lit = SOURCE.gather(SOURCE.places(torch.tensor([[10, 5, 0, 5], [10, 5, 20, 5]])))["image"].int()
    assert lit[0, 0, :, :16].sum() > 1.5 * lit[0, 0, :, 16:].sum()
    assert lit[1, 0, :, 16:].sum() > 1.5 * lit[1, 0, :, :16].sum()
    nods = SOURCE.gather(SOURCE.places(torch.tensor([[20, 0, 20, 5], [20, 10, 20, 5]])))["image"]
    low, high = ((nod[0, :, columns(nod[0])[1]] > BACKGROUND).nonzero().min() for nod in nods)
    assert low > high
