"""Chairs: each factor does what its name says."""

from __future__ import annotations

import math

import pytest
import torch

from ganzoo_bundled.chairs3d import Chairs3D, render

SOURCE = Chairs3D()
PLAIN, SLATTED, ARMED, STOOL = range(4)


def chair(kind=PLAIN, width=0.7, leg_length=0.5, turn=0.0, traits=0.5):
    """One chair as integers (64, 64)."""
    return render(
        kind=torch.tensor([kind]),
        width=torch.tensor([width]),
        leg_length=torch.tensor([leg_length]),
        turn=torch.tensor([turn]),
        traits=torch.full((1, 6), traits) if isinstance(traits, float) else traits,
    )[0, 0].int()


def ink(image):
    return image < 250


def test_a_wider_chair_covers_more_columns():
    narrow, wide = ink(chair(width=0.5)).any(0).sum(), ink(chair(width=0.95)).any(0).sum()
    assert narrow.item() == pytest.approx(0.5 * 32, abs=1)
    assert wide.item() == pytest.approx(0.95 * 32, abs=1)


def test_longer_legs_make_a_taller_chair():
    short, tall = ink(chair(leg_length=0.3)).any(1).sum(), ink(chair(leg_length=0.75)).any(1).sum()
    assert tall - short == pytest.approx(0.45 * 32 * math.cos(0.435), abs=1.5)


def test_a_stool_lacks_the_back_and_a_slatted_back_has_gaps():
    rows = [ink(chair(kind)).any(1).sum() for kind in range(4)]
    assert rows[PLAIN] == rows[SLATTED] == rows[ARMED] > rows[STOOL] + 10
    plain, slatted, armed = (ink(chair(kind, turn=0.6)).sum() for kind in (PLAIN, SLATTED, ARMED))
    assert slatted < plain - 25
    assert armed > plain + 40


def test_the_chair_turns_to_the_right_and_once_around():
    def back(turn):
        """How far right the upper third of the chair lies, where there is only its back."""
        image = ink(chair(turn=turn))
        rows = image.any(1).nonzero()[:, 0]
        upper = image[rows[0] : rows[0] + len(rows) // 3]
        return upper.nonzero()[:, 1].float().mean().item() - 31.5

    quarter = math.pi / 2
    assert abs(back(0.0)) < 0.1
    assert back(quarter) < -5
    assert abs(back(2 * quarter)) < 0.1
    assert back(3 * quarter) > 5
    assert (chair(turn=0.0) - chair(turn=2 * math.pi)).abs().max() <= 64  # a ray on an edge
    front, behind = chair(turn=0.0), chair(turn=2 * quarter)
    assert (front - behind).abs().max() > 20


def test_a_turn_to_the_left_has_the_mirrored_outline():
    for kind in range(4):
        right, left = ink(chair(kind, turn=0.7)), ink(chair(kind, turn=-0.7))
        assert (right != left.flip(1)).sum() <= 3


def test_the_top_of_the_seat_is_the_brightest_face():
    image = chair(STOOL, turn=0.6)
    values, counts = image[ink(image)].unique(return_counts=True)
    three = values[counts.topk(3).indices].sort().values
    assert image[24:34, 30:34].unique().tolist().count(three[-1].item()) == 1
    assert three[1] > three[0] + 5
    assert three[2] > three[1] + 5


def test_every_trait_changes_the_chair():
    middle = chair(turn=0.6)
    for trait in range(6):
        traits = torch.full((1, 6), 0.5)
        traits[0, trait] = 0.0
        assert (chair(turn=0.6, traits=traits) - middle).abs().max() > 20, trait


def test_no_rotation_is_twice_there_and_labels_are_types():
    factors = torch.tensor([[ARMED, 3, 3, turn] for turn in range(40)])
    batch = SOURCE.gather(SOURCE.places(factors))
    assert len({bytes(image.flatten().numpy()) for image in batch["image"]}) == 40
    assert batch["label"].tolist() == [ARMED] * 40
    assert SOURCE.classes[ARMED] == "armed"


def test_factors_run_from_the_first_value_to_the_last():
    factors = torch.tensor([[0, 0, 3, 0], [0, 7, 3, 0], [0, 3, 0, 10], [0, 3, 0, 30]])
    narrow, wide, right, left = ink(SOURCE.gather(SOURCE.places(factors))["image"][:, 0])
    assert narrow.any(0).sum() == 16
    assert 30 <= wide.any(0).sum() <= 32
    assert right[:24].nonzero()[:, 1].float().mean() < 31
    assert left[:24].nonzero()[:, 1].float().mean() > 32
