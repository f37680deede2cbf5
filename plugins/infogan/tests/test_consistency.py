"""Views of real images, and the loss that puts them into one category."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ganzoo import Context, DataInfo, Draw, Pass, Phase, UserError
from ganzoo.discovery import discover
from ganzoo.registry import Registry
from ganzoo.settings import resolve
from ganzoo_infogan import consistency
from ganzoo_infogan.consistency import AugmentationConsistency, apart
from ganzoo_infogan.model import InfoGAN
from ganzoo_infogan.priors import StructuredPrior
from ganzoo_infogan.warps import NUMBERS, Warp

if TYPE_CHECKING:
    from ganzoo.loss import Measured

CPU = torch.device("cpu")
DATA = DataInfo("test", (1, 8, 8))
STILL = Warp(rotate=0, scale=0, shear=0, shift=0)


def chance(n: int, **values: float) -> Tensor:
    """Numbers that leave everything in the middle but what is named."""
    order = ("turn", "wide", "high", "lean", "right", "down")
    numbers = torch.full((n, NUMBERS), 0.5)
    for name, value in values.items():
        numbers[:, order.index(name)] = value
    return numbers


def spot(row: int, column: int, side: int = 9, value: float = 1.0) -> Tensor:
    image = torch.zeros(1, 1, side, side)
    image[0, 0, row, column] = value
    return image


def place(image: Tensor) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    mass = image[0, 0] / image.sum()
    steps = torch.arange(float(image.shape[-1]))
    return float((mass.sum(1) * steps).sum()), float((mass.sum(0) * steps).sum())


def test_a_warp_without_reach_leaves_images_alone() -> None:
    images = torch.rand(3, 2, 8, 8)
    moved = STILL(images, torch.rand(3, NUMBERS), background=0.0)
    assert torch.allclose(moved, images, atol=1e-5)


def test_a_quarter_turn_turns_and_keeps_square_pixels_square() -> None:
    warp = Warp(rotate=90, scale=0, shear=0, shift=0)
    moved = warp(spot(4, 7), chance(1, turn=1.0), background=0.0)
    assert place(moved) in [pytest.approx((1, 4), abs=1e-3), pytest.approx((7, 4), abs=1e-3)]
    back = warp(moved, chance(1, turn=0.0), background=0.0)
    assert place(back) == pytest.approx((4, 7), abs=1e-3)


@pytest.mark.parametrize(
    ("warp", "numbers", "expected"),
    [
        # coordinates go from -1 to 1 over 9 pixels, so 2/9 is one pixel
        (Warp(0, 0, 0, 2 / 9), {"right": 1.0}, (4, 2)),
        (Warp(0, 0, 0, 2 / 9), {"down": 0.0}, (5, 3)),
        (Warp(0, 0.5, 0, 0), {"wide": 0.0}, (4, 2)),  # half the map's width: twice as far out
        (Warp(0, 0.5, 0, 0), {"high": 0.0}, (4, 3)),
        (Warp(0, 0, 1.0, 0), {"lean": 1.0}, (4, 3)),  # the middle row stays where it is
    ],
)
def test_each_part_of_a_warp_does_what_its_name_says(
    warp: Warp, numbers: dict[str, float], expected: tuple[float, float]
) -> None:
    moved = warp(spot(4, 3), chance(1, **numbers), background=0.0)
    assert place(moved) == pytest.approx(expected, abs=1e-3)


def test_a_map_of_half_the_height_takes_a_spot_twice_as_far_from_the_middle() -> None:
    moved = Warp(0, 0.5, 0, 0)(spot(3, 4), chance(1, high=0.0), background=0.0)
    assert place(moved) == pytest.approx((2, 4), abs=1e-3)


def test_what_comes_in_from_outside_is_background() -> None:
    image = torch.full((1, 1, 8, 8), -1.0)
    moved = Warp(45, 0.5, 0.5, 0.5)(image, torch.rand(1, NUMBERS), background=-1.0)
    assert torch.allclose(moved, image)


def test_views_stay_within_their_reach() -> None:
    maps = Warp(15, 0.12, 0.2, 0.12).maps(torch.rand(1000, 6))
    assert maps[:, :, 2].abs().max() <= 0.12
    angle = torch.atan2(maps[:, 1, 0], maps[:, 0, 0]).abs().rad2deg()
    assert angle.max() <= 15 + math.degrees(math.atan(0.25))


# The loss


ONE_KIND = {"kind": "categorical(4)", "slant": "uniform(-1, 1)"}


def make(
    codes: dict[str, str] = ONE_KIND, **config: Any
) -> tuple[AugmentationConsistency, InfoGAN]:
    prior = StructuredPrior(StructuredPrior.Config(size=3, codes=codes), Context(DATA))
    small = InfoGAN.Config(generator_channels=(8, 4), discriminator_channels=(4, 8), reader_width=8)
    model = InfoGAN(small, Context(DATA, prior=prior))
    context = Context(DATA, prior=prior, model=model, phases=tuple(model.phases()))
    return AugmentationConsistency("c", AugmentationConsistency.Config(**config), context), model


class Reads(nn.Module):
    """A discriminator and a q that read the category from the first pixels of the first row."""

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        if inputs.dim() == 4:
            return {"features": inputs[:, 0, 0, :4]}
        return {"kind": 50 * inputs, "slant": inputs[:, :2]}


def measured(
    loss: AugmentationConsistency, images: Tensor, nets: Any = None, step: int = 0
) -> Measured:
    nets = nets or {"discriminator": Reads(), "q": Reads()}
    draw = Draw(0, step, 0, 1, len(images), CPU)
    return loss.terms()["critic"](Pass(nets, draw, {"image": images}))  # type: ignore[return-value]


def kinds(categories: list[int]) -> Tensor:
    images = torch.zeros(len(categories), 1, 8, 8)
    images[torch.arange(len(categories)), 0, 0, categories] = 1
    return images


def test_readings_that_agree_and_are_even_cost_nothing() -> None:
    still = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0}
    value, report = measured(make(**still)[0], kinds([0, 1, 2, 3] * 4))
    assert value.item() == pytest.approx(0, abs=1e-3)
    assert report["evenness/kind"].item() == pytest.approx(math.log(4), abs=1e-4)


def test_an_uneven_use_of_categories_costs() -> None:
    still = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0}
    value, report = measured(make(**still)[0], kinds([0] * 16))
    assert value.item() > 1
    assert report["evenness/kind"].item() == pytest.approx(0, abs=1e-3)


def test_readings_that_change_with_the_view_cost() -> None:
    value, _ = measured(make(shift=0.9)[0], kinds([0, 1, 2, 3] * 4))
    assert value.item() > 0.5


def test_targets_use_every_category_alike_and_keep_the_order_of_certainty() -> None:
    loss, _ = make()
    logits = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)) + torch.tensor(
        [3.0, 0, 0, -3]
    )
    targets = loss.targets(logits)
    assert targets.sum(1).allclose(torch.ones(64))
    before = (2 * logits).softmax(1)
    assert targets.mean(0).sub(0.25).abs().max() < 0.3 * before.mean(0).sub(0.25).abs().max()
    surest = logits[:, 3].argmax()
    assert targets[:, 3].argmax() == surest
    assert not targets.requires_grad


def test_once_settled_targets_are_not_made_even_and_views_are_narrower() -> None:
    loss, _ = make(settle=(100, 200), settled_reach=0.5)
    assert [loss.settled_at(step) for step in (0, 100, 150, 200, 900)] == [0, 0, 0.5, 1, 1]
    assert make()[0].settled_at(10**6) == 0
    logits = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)) + torch.arange(4.0)
    assert torch.equal(loss.targets(logits, 200), (2 * logits).softmax(1))
    unevenness = [
        loss.targets(logits, step).mean(0).sub(0.25).abs().max() for step in (100, 150, 200)
    ]
    assert unevenness == sorted(unevenness)
    with pytest.raises(ValueError, match="settle must be"):
        make(settle=(5, 5))


def test_targets_grow_sharper_as_the_setting_says() -> None:
    loss, _ = make(sharpness=1.5, sharpen=(100, 200), sharpen_to=3.0)
    assert [loss.sharpness_at(step) for step in (0, 100, 150, 900)] == [1.5, 1.5, 2.25, 3.0]
    assert make(sharpness=1.5, sharpen_to=3.0)[0].sharpness_at(10**6) == 1.5
    logits = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    surest = [loss.targets(logits, step).max(1).values.mean() for step in (100, 150, 200)]
    assert surest == sorted(surest)
    with pytest.raises(ValueError, match="sharpen must be"):
        make(sharpen=(5, 5))


def test_an_adversarial_view_is_as_far_as_was_set_and_costs_more_than_a_random_one() -> None:
    loss, model = make(perturb=0.5)
    nets = model.networks()
    generator = torch.Generator().manual_seed(0)
    views = torch.rand(8, 1, 8, 8, generator=generator).requires_grad_()
    pass_ = Pass(nets, Draw(0, 0, 0, 1, 8, CPU), {})
    targets = {"kind": torch.eye(4)[torch.arange(8) % 4]}

    def cost(images: Tensor) -> Tensor:
        return apart(loss.read(pass_, images), targets)["kind"]

    moved = loss.adversarial(views, cost(views))
    span = model.image_range[1] - model.image_range[0]
    assert (moved - views).flatten(1).norm(dim=1).tolist() == pytest.approx([0.5 * span] * 8)
    assert not moved.requires_grad
    random = normalize(torch.randn(8, 64, generator=generator), dim=1).view_as(views)
    assert cost(moved) > cost(views)
    assert cost(moved) > cost(views.detach() + 0.5 * span * random)


def test_views_are_moved_by_the_slope_of_sure_readings_in_fp16_too() -> None:
    loss, model = make(perturb=0.5)
    generator = torch.Generator().manual_seed(0)
    views = torch.rand(8, 1, 8, 8, generator=generator).requires_grad_()
    weights = torch.randn(views.shape, generator=generator)
    # What differentiates it has the type of its input; the least number of fp16 is 6e-8.
    sure = 1e-8 * (weights * views.half().float()).sum()
    moved = loss.adversarial(views, sure) - views.detach()
    span = model.image_range[1] - model.image_range[0]
    expected = 0.5 * span * normalize(weights.flatten(1), dim=1).view_as(views)
    assert torch.allclose(moved, expected, atol=1e-2)


def test_adversarial_views_begin_in_the_turn_that_the_setting_names_and_add_to_the_term() -> None:
    still = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0}
    two = {"kind": "categorical(4)", "style": "categorical(3)"}
    loss, model = make(codes=two, perturb=0.5, perturb_from=10, **still)
    nets, images = model.networks(), torch.rand(16, 1, 8, 8)
    before, after = (measured(loss, images, nets, step) for step in (9, 10))
    for code in two:
        assert f"perturbed/{code}" not in before.report
        assert after.report[f"perturbed/{code}"] > after.report[f"consistency/{code}"]
    parts = [
        after.report[f"{part}/{code}"] for part in ("consistency", "perturbed") for code in two
    ]
    assert after.value.item() == pytest.approx(torch.stack(parts).sum().item())
    never = measured(make(codes=two, **still)[0], images, nets, step=10)
    assert not any(name.startswith("perturbed") for name in never.report)


def test_images_of_which_another_loss_wants_the_gradient_are_left_as_they_are() -> None:
    images = torch.rand(16, 1, 8, 8, requires_grad=True)
    for perturb in (0.0, 1.0):
        loss, model = make(perturb=perturb)
        measured(loss, images, model.networks()).value.backward()
        assert images.requires_grad


def test_searching_the_adversarial_view_leaves_no_gradient_behind() -> None:
    loss, model = make(perturb=1.0)
    nets = model.networks()
    images = torch.rand(16, 1, 8, 8)
    value = loss.disagreement(Pass(nets, Draw(0, 0, 0, 1, 16, CPU), {"image": images})).value
    assert all(p.grad is None for net in nets.values() for p in net.parameters())
    assert not images.requires_grad
    value.backward()
    assert nets["discriminator"].trunk[0].weight.grad.any()


def test_views_keep_the_settled_share_of_their_reach() -> None:
    loss, _ = make(shift=0.5, rotate=0, scale=0, shear=0, settle=(0, 10), settled_reach=0.5)
    images = torch.rand(8, 1, 8, 8)
    before, after = (
        loss.view(Pass({}, Draw(0, step, 0, 1, 8, CPU), {"image": images}), images)
        for step in (0, 20)
    )
    assert (after - images).abs().mean() < (before - images).abs().mean()
    assert Warp(10, 0.2, 0.4, 0.6).scaled(0.5) == Warp(5, 0.1, 0.2, 0.3)


def test_targets_are_those_of_the_global_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    loss, _ = make()
    logits = torch.randn(32, 4) * 3
    used: list[Tensor] = []
    monkeypatch.setattr(consistency, "mean", lambda value: (used.append(value), value)[1])
    whole = loss.targets(logits)
    over_ranks = iter(used)
    monkeypatch.setattr(consistency, "mean", lambda _: next(over_ranks))
    assert torch.allclose(loss.targets(logits[16:]), whole[16:])


def test_it_teaches_discriminator_and_q_but_no_generator_and_no_continuous_code() -> None:
    loss, model = make()
    nets = model.networks()
    assert set(loss.terms()) == {"critic"}
    phase: Phase = next(phase for phase in model.phases() if phase.name == "critic")
    draw = Draw(0, 0, 0, 1, 16, CPU, prior=model.prior)
    batch = {"image": torch.rand(16, 1, 8, 8)}
    loss.terms()["critic"](phase.forward(nets, batch, draw, {})).value.backward()  # type: ignore[union-attr]
    assert all(p.grad is None for p in nets["generator"].parameters())
    assert nets["discriminator"].trunk[0].weight.grad.any()
    last = nets["q"].layers[-1].weight.grad
    assert last[:4].any()
    assert not last[4:].any()


def test_without_a_categorical_code_it_is_refused() -> None:
    codes = {"slant": "uniform(-1, 1)"}
    prior = StructuredPrior(StructuredPrior.Config(codes=codes), Context(DATA))
    with pytest.raises(UserError, match=r"loss\.c needs a categorical code"):
        AugmentationConsistency("c", AugmentationConsistency.Config(), Context(DATA, prior=prior))


def test_the_preset_adds_one_loss_to_the_papers_settings() -> None:
    registry = Registry(discover())
    paper, ours = (resolve(registry, "infogan", preset=name) for name in ("mnist", "mnist-augment"))
    assert set(ours.losses) - set(paper.losses) == {"augmentation_consistency"}
    assert ours.model.config == paper.model.config
    assert ours.losses["mutual_information"].config == paper.losses["mutual_information"].config
