"""Categories bound to real images: views of one image fall into one category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch.nn.functional import cross_entropy, normalize

from ganzoo.distributed import mean
from ganzoo.errors import UserError
from ganzoo.loss import Loss, Measured
from ganzoo.schema import Window, check_window, setting, share_of
from ganzoo_infogan.warps import NUMBERS, Warp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ganzoo.latents import Code
    from ganzoo.loss import TermFunction
    from ganzoo.model import Context, Pass

Reach = Annotated[float, Ge(0)]

ROUNDS = 3
"""Rounds of balancing; more of them change the targets by less than the noise of a batch."""

SLOPE_SCALE = 2.0**12
"""Without it slopes of readings that are sure vanish in fp16; much more overflows for others."""

LEAST_USE = torch.finfo(torch.float32).tiny
"""Share of a batch below which an unused category is not pulled harder."""


class AugmentationConsistency(Loss):
    """Binds categorical codes to *real* images: Q must put two views of an image together.

    InfoGAN's own term never sees a real image, so a category may mean two digits as long as the
    generator draws both. Here Q reads two random views of a real image, and each reading
    is drawn to the other's, made sharper and *even*: over the global batch every category is used
    alike, which is what the prior says (swapped prediction with balanced assignments, Caron et al.
    2020, section 3.1; the idea of invariance and evenness is RIM's and IMSAT's, Hu et al. 2017).
    Continuous codes are left alone, as a view changes slant and width.

    Wide views and even targets form the categories, and then hold them back: real classes are not
    equally frequent. ``settle`` says when that is over.

    With ``perturb`` a third reading is drawn to the target as well: that of a view moved by one
    step of this length up the slope of its cross-entropy, and so towards another category. It
    is one step of virtual adversarial training (Miyato et al. 2018, which IMSAT, Hu et al. 2017,
    has for clusters) against the other view's target. No random view turns a seven with a bar into
    one without; a small change of pixels nearly does.

    The term belongs to the phase that trains ``q``. Reported, per code: ``consistency/<code>``, the
    cross-entropy in nats of two views, ``evenness/<code>``, the entropy of the mean reading, at
    most that of the code, and ``perturbed/<code>``, the cross-entropy of the adversarial view.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the loss, beside its weight. Reaches of views go both ways, drawn evenly."""

        rotate: Reach = setting(18.0, "views: largest rotation in degrees")
        scale: Annotated[float, Ge(0), Le(0.9)] = setting(
            0.15, "views: largest change of each axis as a share of the size"
        )
        shear: Reach = setting(0.25, "views: largest sideways move per height")
        shift: Reach = setting(0.12, "views: largest move as a share of half the side")
        sharpness: Annotated[float, Gt(0)] = setting(
            2.0, "factor of the readings before they become targets"
        )
        sharpen: Window | None = setting(
            None,
            "[from, to] in turns: sharpness moves linearly from its value to sharpen_to, so that "
            "readings do not confirm themselves before categories have formed; left out: never",
        )
        sharpen_to: Annotated[float, Gt(0)] = setting(2.0, "sharpness at the end of sharpen")
        settle: Window | None = setting(
            None,
            "[from, to] in turns, once categories have formed: targets cease to be even, and views "
            "narrow to settled_reach of their reach; left out: never",
        )
        settled_reach: Annotated[float, Ge(0), Le(1)] = setting(
            0.6, "share of every reach that is left when settled"
        )
        perturb: Annotated[float, Ge(0)] = setting(
            0.0,
            "adversarial views: length of the change, the root of the sum of squares over all "
            "values, whose range counts as 1; 0: none",
        )
        perturb_from: Annotated[int, Ge(0)] = setting(0, "turn in which adversarial views begin")

        def __post_init__(self) -> None:
            check_window("sharpen", self.sharpen)
            check_window("settle", self.settle)

    needs = ("discriminator", "q")

    def __init__(self, name: str, config: Config, context: Context) -> None:
        super().__init__(name, config, context)
        codes: Mapping[str, Code] = context.prior.codes if context.prior is not None else {}
        self.codes = {key: code for key, code in codes.items() if code.trained is None}
        if not self.codes:
            raise UserError(
                f"loss.{name} needs a categorical code",
                hint="Set one: --set 'prior.codes.kind=categorical(10)'.",
            )
        self.warp = Warp(config.rotate, config.scale, config.shear, config.shift)

    def terms(self) -> Mapping[str, TermFunction]:
        """The term of each phase that trains ``q``."""
        reading = [phase.name for phase in self.context.phases if "q" in phase.trains]
        return dict.fromkeys(reading, self.disagreement)

    def disagreement(self, pass_: Pass) -> Measured:
        """The cross-entropy of each view's reading against the other's even target, in nats.

        With ``perturb`` that of the adversarial view is added.
        """
        images = pass_.batch["image"]
        first, second = (self.view(pass_, images) for _ in range(2))
        perturbs = bool(self.config.perturb) and pass_.draw.step >= self.config.perturb_from
        if perturbs:
            first = first.detach().requires_grad_()
        one, other = self.read(pass_, first), self.read(pass_, second)
        to_one, to_other = {}, {}
        for name in self.codes:
            both = torch.cat([one[name], other[name]])
            to_one[name], to_other[name] = self.targets(both, pass_.draw.step).chunk(2)
        ahead, back = apart(one, to_other), apart(other, to_one)
        total, report = images.new_zeros(()), {}
        for name in self.codes:
            value = (ahead[name] + back[name]) / 2
            total = total + value
            used = mean(one[name].detach().softmax(1).mean(0))
            report[f"consistency/{name}"] = value.detach()
            report[f"evenness/{name}"] = torch.special.entr(used).sum()
        if perturbs:
            moved = self.adversarial(first, torch.stack([*ahead.values()]).sum())
            for name, value in apart(self.read(pass_, moved), to_other).items():
                total = total + value
                report[f"perturbed/{name}"] = value.detach()
        return Measured(total, report)

    def adversarial(self, views: Tensor, loss: Tensor) -> Tensor:
        """The views (n, C, H, W), each moved by ``perturb`` to where ``loss`` grows the fastest."""
        # Only its direction counts.
        slope = torch.autograd.grad(SLOPE_SCALE * loss, views, retain_graph=True)[0].flatten(1)
        low, high = self.image_range
        change: Tensor = self.config.perturb * (high - low) * normalize(slope, dim=1)
        return views.detach() + change.view_as(views)

    def view(self, pass_: Pass, images: Tensor) -> Tensor:
        """One random view of each image."""
        chance = pass_.draw.uniform(len(images), NUMBERS)
        reach = 1 - (1 - self.config.settled_reach) * self.settled_at(pass_.draw.step)
        background, _ = self.image_range
        return self.warp.scaled(reach)(images, chance, background)

    @property
    def image_range(self) -> tuple[float, float]:
        """The least and the largest value of an image."""
        assert self.context.model is not None, "a loss is built for a model"
        return self.context.model.image_range

    def read(self, pass_: Pass, images: Tensor) -> dict[str, Tensor]:
        """Q's logits (n, k) of each categorical code for images."""
        features = pass_.nets["discriminator"](images)["features"]
        outputs = pass_.nets["q"](features)
        return {name: outputs[name].float() for name in self.codes}

    def settled_at(self, step: int) -> float:
        """How far the categories count as formed in turn ``step``, from 0 to 1."""
        settle: Window | None = self.config.settle
        return 0.0 if settle is None else share_of(settle, step)

    def sharpness_at(self, step: int) -> float:
        """The factor of the readings in turn ``step``."""
        start, sharpen = self.config.sharpness, self.config.sharpen
        share = 0.0 if sharpen is None else share_of(sharpen, step)
        return float(start + (self.config.sharpen_to - start) * share)

    @torch.no_grad()
    def targets(self, logits: Tensor, step: int = 0) -> Tensor:
        """Probabilities (n, k) near the sharpened readings that use each category alike.

        Alternating normalisation of rows and columns (Sinkhorn and Knopp 1967), over the global
        batch; while categories settle, it goes a shrinking part of the way in each round.
        """
        scores: Tensor = self.sharpness_at(step) * logits
        balance = 1 - self.settled_at(step)
        for _ in range(ROUNDS if balance else 0):
            used = mean(scores.softmax(1).mean(0))
            scores = scores - balance * used.clamp(min=LEAST_USE).log()
        return scores.softmax(1)


def apart(readings: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The cross-entropy of each code's readings (n, k) against its targets, in nats."""
    return {name: cross_entropy(readings[name], target) for name, target in targets.items()}
