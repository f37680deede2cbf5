"""DCGAN: Radford et al. 2015, with the layer widths as settings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from ganzoo.errors import UserError
from ganzoo.model import Adversarial, Context
from ganzoo.schema import Positive, setting
from ganzoo_dcgan.losses import BEST_FAKE
from ganzoo_dcgan.networks import Discriminator, Generator, Init, Norm, Stride, initialise

Widths = tuple[Positive, ...]
Strides = tuple[Stride, ...]
LEAST_LOSS, LEAST_FAKE = 1e-3, 0.01
"""Below these, training is stuck: either player's loss, and the best fake's probability."""

Ranges = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}


class DCGAN(Adversarial):
    """A convolutional generator against a convolutional discriminator.

    Images are square with a side that the product of the strides divides.
    """

    critic_losses = ("adversarial", "hinge")
    capturable = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Settings of the model."""

        generator_dense: Widths = setting((), "widths of the generator's dense layers")
        generator_channels: Widths = setting(
            (), "maps of the generator at each side, the smallest first; empty: chosen by the side"
        )
        generator_strides: Strides = setting(
            (), "stride of each up-convolution, 1 or 2; empty: 2 each"
        )
        generator_norms: tuple[bool, ...] = setting(
            (), "which up-convolutions but the last have BatchNorm; empty: all"
        )
        discriminator_channels: Widths = setting(
            (), "maps of the discriminator's convolutions; empty: chosen by the side"
        )
        discriminator_strides: Strides = setting(
            (), "stride of each convolution of the discriminator, 1 or 2; empty: 2 each"
        )
        discriminator_dense: Widths = setting((), "widths of the discriminator's dense layers")
        discriminator_dense_norm: Norm | None = setting(
            None, "batch or none in the dense layers; left out: as discriminator_norm"
        )
        discriminator_norm: Norm = setting("batch", "batch, or none (for a gradient penalty)")
        slope: Annotated[float, Ge(0)] = setting(0.2, "negative slope of the leaky ReLUs")
        images: Literal["unit", "symmetric"] = setting(
            "symmetric", "range of images: unit is [0, 1] by sigmoid, symmetric [-1, 1] by tanh"
        )
        init: Init = setting("dcgan", "initial weights: dcgan, or the InfoGAN authors' openai")
        critic_repeats: Positive = setting(1, "steps of the critic a turn")

        def __post_init__(self) -> None:
            _check_length(self, "generator_strides", "generator_channels")
            _check_length(self, "generator_norms", "generator_channels", less=1)
            _check_length(self, "discriminator_strides", "discriminator_channels")

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        if context.prior is None:
            raise UserError(
                "this model generates from a prior", hint="Set prior.name, to noise for example."
            )
        self.prior = context.prior
        self.critic_repeats = config.critic_repeats
        self.image_range = Ranges[config.images]
        side = context.data.image_shape[1]
        self.discriminator_channels = config.discriminator_channels or channels_for(side)
        self.generator_channels = config.generator_channels or channels_for(side)[::-1]
        for name, channels, strides in (
            ("generator", self.generator_channels, config.generator_strides),
            ("discriminator", self.discriminator_channels, config.discriminator_strides),
        ):
            chosen = bool(getattr(config, f"{name}_channels"))
            _check_side(name, strides or (2,) * len(channels), context, chosen=chosen)

    def networks(self) -> dict[str, nn.Module]:
        """Generator and discriminator."""
        generator = Generator(
            self.prior.size,
            self.context.data.image_shape,
            dense=self.config.generator_dense,
            channels=self.generator_channels,
            strides=self.config.generator_strides,
            norms=self.config.generator_norms,
            sigmoid=self.config.images == "unit",
        )
        discriminator = Discriminator(
            self.context.data.image_shape,
            channels=self.discriminator_channels,
            strides=self.config.discriminator_strides,
            dense=self.config.discriminator_dense,
            slope=self.config.slope,
            norm=self.config.discriminator_norm,
            dense_norm=self.config.discriminator_dense_norm,
        )
        networks = {"generator": generator, "discriminator": discriminator}
        for network in networks.values():
            initialise(network, self.config.init)
        return networks

    def stuck(self, figures: Mapping[str, float]) -> str | None:
        """The rule of the InfoGAN authors' research code: one player has won."""
        for phase in ("critic", "generator"):
            if figures.get(f"loss/{phase}/adversarial", 1.0) < LEAST_LOSS:
                return f"the {phase}'s adversarial loss is below {LEAST_LOSS:g}"
        if figures.get(BEST_FAKE, 1.0) < LEAST_FAKE:
            return f"the discriminator gives no fake a probability above {LEAST_FAKE:g}"
        return None


def channels_for(side: int) -> Widths:
    """Widths that halve ``side`` down to 4 while it is even: 64, doubled each time up to 512."""
    widths: list[int] = []
    while side % 2 == 0 and side // 2 >= 4:
        side //= 2
        widths.append(min(64 * 2 ** len(widths), 512))
    return tuple(widths)


def _check_length(config: DCGAN.Config, name: str, channels: str, less: int = 0) -> None:
    given, expected = len(getattr(config, name)), len(getattr(config, channels)) - less
    if given not in (0, expected):
        raise ValueError(f"{name} has {given} entries, but {channels} asks for {expected}")


def _check_side(network: str, strides: tuple[int, ...], context: Context, *, chosen: bool) -> None:
    """Raise UserError for images that layers of these strides, ``chosen`` or not, do not halve."""
    _, height, width = context.data.image_shape
    step = max(math.prod(strides), 4)
    if height != width or height % step or not strides:
        if not chosen:
            raise UserError(
                f"images of {height}x{width} do not fit: a {network} that is laid out by their "
                "size halves a square side that 4 divides, from 8 on",
                hint=f"Set data.size to {max(8, height // 4 * 4)}.",
            )
        fitting = max(4 * step, height // step * step)
        raise UserError(
            f"images of {height}x{width} do not fit model.{network}_channels: "
            f"its {len(strides)} layers need a square side that {step} divides",
            hint=f"Set data.size to {fitting}, or take --preset images.",
        )
