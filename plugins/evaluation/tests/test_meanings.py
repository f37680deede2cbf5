"""What codes seem to do, told from images that are drawn with known qualities."""

import pytest
import torch
from drawn_lines import LineModel, prior_of

from ganzoo.metrics import NotApplicable
from ganzoo_evaluation.meanings import QUALITIES, find, meanings


def test_a_code_is_named_by_the_quality_that_follows_it_and_an_idle_one_is_not():
    scores = meanings(LineModel(), 220)
    lean, idle = scores["meaning/lean"], scores["meaning/idle"]
    assert lean.extra["suggestion"] == "slant"
    assert "suggestion" in lean.conditions
    assert lean.value == pytest.approx(1)
    assert "slant from -19.7 to 19.7 degrees" in lean.note
    assert lean.extra["evidence"]["slant"]["last"] == pytest.approx(20, abs=1.5)
    assert lean.n == 220
    assert idle.extra["suggestion"] is None
    assert idle.label == "moves nothing measured"


@pytest.mark.parametrize(
    ("name", "move"),
    [
        ("place to the right", lambda image, by: torch.roll(image, by, -1)),
        ("place upwards", lambda image, by: torch.roll(image, -by, -2)),
        ("brightness", lambda image, by: image + 20 * by),
    ],
)
def test_every_quality_follows_what_it_is_named_after(name, move):
    values = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    blots = torch.full((4, 3, 28, 28), 80)
    for k, blot in enumerate(blots):
        blot[:, 10 + k : 16, 10 : 17 - k] = 160
    images = torch.cat([move(blots, int(value)) for value in values]).to(torch.uint8)
    found = {quality.name: find(quality, values, images) for quality in QUALITIES}
    assert found[name].speaks
    assert found[name].correlation == pytest.approx(1)
    assert found[name].last > found[name].first
    assert [other for other, each in found.items() if each.speaks] == [name]


def test_a_change_that_is_small_beside_the_spread_names_nothing():
    images = torch.zeros(3, 2, 1, 28, 28)
    for step in range(3):
        for noise, shade in enumerate((0.2, 0.8)):
            images[step, noise] = shade + 0.01 * step
    brightness = next(quality for quality in QUALITIES if quality.name == "brightness")
    found = find(brightness, [-1.0, 0.0, 1.0], images.flatten(0, 1))
    assert found.correlation == pytest.approx(1)
    assert not found.speaks


def test_a_change_that_nobody_sees_names_nothing_though_all_images_are_alike():
    """As of a generator whose samples have become one: the code is all that moves them at all."""
    values = [step / 5 for step in range(-5, 6)]
    images = torch.full((len(values), 2, 1, 28, 28), 0.0)
    images[..., 10:18, 10:18] = 0.8
    for step, value in enumerate(values):
        images[step, ..., 10:18, 18] = 0.004 * (value + 1)
    found = {quality.name: find(quality, values, images.flatten(0, 1)) for quality in QUALITIES}
    assert found["place to the right"].correlation == pytest.approx(1)
    assert found["place to the right"].spreads > 1
    assert not any(each.speaks for each in found.values())


def test_a_model_without_continuous_codes_is_told_so():
    with pytest.raises(NotApplicable, match="no continuous code"):
        meanings(LineModel(prior=prior_of(digit="categorical(10)")), 1000)
