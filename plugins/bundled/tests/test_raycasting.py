"""Rays at ellipsoids and boxes, held against what geometry says of simple scenes."""

from __future__ import annotations

import math

import pytest
import torch

from ganzoo_bundled.raycasting import (
    cast_at_boxes,
    cast_at_ellipsoids,
    direction,
    image,
    rotation,
)

SIDE = 64
AHEAD = torch.eye(3)[None]


def angles(*values):
    return torch.tensor(values).float()


def scene(*parts):
    """Centres and radii or half sizes of one scene."""
    centres, sizes = zip(*parts, strict=True)
    return torch.tensor([centres]).float(), torch.tensor([sizes]).float()


def mask(hits, count=1):
    return image(hits, torch.ones(len(hits.ray)), count, SIDE, 0.0)[:, 0].float() / 255


def area(hits):
    """In units of the image, which is 2 x 2."""
    return mask(hits).sum().item() * 4 / SIDE**2


def test_azimuth_turns_to_the_right_and_elevation_upwards():
    towards = rotation(angles(math.pi / 2, 0, math.pi / 2), angles(0, math.pi / 2, 0.3))[:, :, 2]
    expected = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert torch.allclose(towards, expected, atol=1e-6)
    turned = rotation(angles(0.4, -1), angles(-0.5, 2))
    assert torch.allclose(turned @ turned.mT, torch.eye(3).expand(2, 3, 3), atol=1e-6)
    assert torch.allclose(turned.det(), torch.ones(2))


def test_a_light_lies_at_its_azimuth_and_elevation():
    light = direction(angles(-math.pi / 2, 0), 0.5)
    expected = torch.tensor([[-math.cos(0.5), math.sin(0.5), 0], [0, math.sin(0.5), math.cos(0.5)]])
    assert torch.allclose(light, expected, atol=1e-6)


def test_an_ellipsoid_is_seen_where_it_is_and_its_normals_stand_on_it():
    centres, radii = scene(((0.2, -0.1, 0.3), (0.5, 0.3, 0.4)))
    hits = cast_at_ellipsoids(centres, radii, AHEAD, SIDE)
    assert area(hits) == pytest.approx(math.pi * 0.5 * 0.3, rel=0.01)
    rows, columns = mask(hits)[0].nonzero().double().unbind(1)
    assert columns.mean() == pytest.approx((0.2 + 1) * SIDE / 2 - 0.5, abs=0.1)
    assert rows.mean() == pytest.approx((1 + 0.1) * SIDE / 2 - 0.5, abs=0.1)
    assert torch.allclose(hits.normal.norm(dim=1), torch.ones(1), atol=1e-5)
    x = (hits.ray % (2 * SIDE) + 0.5) / SIDE - 1
    y = 1 - (hits.ray // (2 * SIDE) + 0.5) / SIDE
    # With z from the equation, the gradient is (p - c) / r².
    u, v = (x - 0.2) / 0.5, (y + 0.1) / 0.3
    w = (1 - u**2 - v**2).clamp(min=0).sqrt()
    gradient = torch.stack([u / 0.5, v / 0.3, w / 0.4], dim=1)
    expected = gradient / gradient.norm(dim=1, keepdim=True)
    inner = w > 0.05
    assert torch.allclose(hits.normal[inner], expected[inner], atol=2e-3)


def test_a_turned_ellipsoid_shows_its_other_axis():
    centres, radii = scene(((0, 0, 0), (0.2, 0.4, 0.8)))
    turned = rotation(angles(math.pi / 2), angles(0.0))
    hits = cast_at_ellipsoids(centres, radii, turned, SIDE)
    assert area(hits) == pytest.approx(math.pi * 0.8 * 0.4, rel=0.01)


def test_the_nearer_part_hides_the_farther_whatever_their_order():
    for cast in (cast_at_ellipsoids, cast_at_boxes):
        near, far = ((0.1, 0, 0.5), (0.2, 0.2, 0.2)), ((0, 0, -0.5), (0.4, 0.4, 0.2))
        seen = []
        for order in ((near, far), (far, near)):
            hits = cast(*scene(*order), AHEAD, SIDE)
            seen.append((hits.part == order.index(near)).float().mean().item())
        assert seen[0] == seen[1] == pytest.approx(0.25, abs=0.015)


def test_parts_are_numbered_through_all_scenes():
    centres = torch.tensor([[[0.0, 0, 0], [0, 0, -0.9]]]).repeat(3, 1, 1)
    hits = cast_at_ellipsoids(centres, torch.full_like(centres, 0.3), AHEAD.repeat(3, 1, 1), SIDE)
    assert hits.part.unique().tolist() == [0, 2, 4]
    assert torch.equal(hits.scene * 2, hits.part)
    assert torch.equal(hits.ray // (2 * SIDE) ** 2, hits.scene)


def test_a_box_ahead_shows_one_face_and_a_turned_one_two():
    parts = scene(((0.1, 0, 0), (0.5, 0.25, 0.3)))
    ahead = cast_at_boxes(*parts, AHEAD, SIDE)
    assert area(ahead) == pytest.approx(1.0 * 0.5, rel=0.02)
    assert torch.allclose(ahead.normal, torch.tensor([0.0, 0, 1]))
    centred = scene(((0, 0, 0), (0.5, 0.25, 0.3)))
    hits = cast_at_boxes(*centred, rotation(angles(0.5), angles(0.0)), SIDE)
    across = 2 * (0.5 * math.cos(0.5) + 0.3 * math.sin(0.5))
    assert area(hits) == pytest.approx(across * 0.5, rel=0.02)
    faces = {tuple(round(value, 4) for value in normal) for normal in hits.normal.tolist()}
    # The front looks to the right now, and what was the left side has come into view.
    front = (math.sin(0.5), 0, math.cos(0.5))
    side = (-math.cos(0.5), 0, math.sin(0.5))
    assert faces == {tuple(round(value, 4) for value in face) for face in (front, side)}


def test_a_box_seen_from_above_shows_its_top():
    hits = cast_at_boxes(
        *scene(((0, 0, 0), (0.3, 0.3, 0.3))), rotation(angles(0.0), angles(-0.5)), SIDE
    )
    top = hits.normal[:, 1] > 0.8
    assert torch.allclose(hits.normal[top], torch.tensor([0, math.cos(0.5), math.sin(0.5)]))
    assert top.float().mean() == pytest.approx(
        math.sin(0.5) / (math.sin(0.5) + math.cos(0.5)), abs=0.02
    )


def test_a_box_with_negative_sizes_is_not_there():
    hits = cast_at_boxes(*scene(((0, 0, 0), (-1, -1, -1))), AHEAD, SIDE)
    assert len(hits.ray) == 0
    assert image(hits, torch.ones(0), 1, SIDE, 0.5).unique().tolist() == [128]


def test_a_pixel_is_the_mean_of_its_rays():
    edge = 8.5 / 32  # half a pixel into a column
    hits = cast_at_boxes(*scene(((edge - 1, 0, 0), (1, 2, 0.5))), AHEAD, SIDE)
    row = image(hits, torch.ones(len(hits.ray)), 1, SIDE, 0.0)[0, 0, 32]
    assert row[38:44].tolist() == [255, 255, 128, 0, 0, 0]
